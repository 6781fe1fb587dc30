//! Lines of one worker on their way to the log.

use std::os::fd::RawFd;
use std::sync::Arc;

use pygateway_core::line_ring::{LineRing as CoreRing, LineRingError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Lines of one worker on their way to the log.
#[pyclass(frozen, module = "pygateway._core")]
pub struct LineRing(pub Arc<CoreRing>);

#[pymethods]
impl LineRing {
    /// Lay a ring out in an empty file.
    #[staticmethod]
    #[pyo3(signature = (descriptor, capacity, worker = 0))]
    fn create(descriptor: RawFd, capacity: usize, worker: u32) -> PyResult<Self> {
        let made = CoreRing::create(descriptor, capacity, worker).map_err(broken)?;
        Ok(Self(Arc::new(made)))
    }

    /// Share a ring that was laid out.
    #[staticmethod]
    fn attach(descriptor: RawFd) -> PyResult<Self> {
        let attached = CoreRing::attach(descriptor).map_err(broken)?;
        Ok(Self(Arc::new(attached)))
    }

    /// Put a line.
    fn put(&self, line: &[u8]) -> bool {
        self.0.put(line)
    }

    /// Take lines.
    fn take<'py>(&self, py: Python<'py>, most: usize) -> Bound<'py, PyBytes> {
        let mut lines = Vec::new();
        self.0.take(most, &mut lines);
        PyBytes::new(py, &lines)
    }

    /// Bytes that there is room for.
    #[getter]
    fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// Bytes that are not taken.
    #[getter]
    fn pending(&self) -> usize {
        self.0.pending()
    }

    /// How often something lay there that is no line.
    #[getter]
    fn damages(&self) -> u64 {
        self.0.damages()
    }
}

fn broken(error: LineRingError) -> PyErr {
    match error {
        LineRingError::System(error) => error.into(),
        LineRingError::Capacity(_) => PyValueError::new_err(error.to_string()),
        other => PyOSError::new_err(other.to_string()),
    }
}
