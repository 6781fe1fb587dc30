//! Header fields on their way between the two languages.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

/// Room for the fields of nearly every message.
pub const USUAL_FIELDS: usize = 32;

/// A list of fields as Python keeps it.
pub type Headers<'py> = Bound<'py, PyList>;

/// The fields of a message, borrowed. The tuple keeps the objects alive whatever becomes of the
/// list from which it was made.
pub fn borrow_fields<'a>(fields: &'a Bound<'_, PyTuple>) -> PyResult<Vec<(&'a [u8], &'a [u8])>> {
    let mut borrowed = Vec::with_capacity(fields.len());
    for field in fields.iter_borrowed() {
        borrowed.push(field.extract()?);
    }
    Ok(borrowed)
}

pub fn field_list<'py>(
    py: Python<'py>,
    fields: &[(Vec<u8>, Vec<u8>)],
) -> PyResult<Bound<'py, PyList>> {
    let pairs = fields
        .iter()
        .map(|(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value)));
    PyList::new(py, pairs.collect::<Vec<_>>())
}
