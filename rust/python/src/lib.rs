//! The door between Python and the native core: conversions and one declarative module.
//!
//! Nothing is decided here. Header fields are borrowed from the `bytes` objects that the
//! tokeniser made; what comes back is one `bytes` object per head.

use pyo3::prelude::pymodule;

mod decision;
mod fields;
mod forward;
mod gate;
mod line_ring;
mod rate_limit;
mod unverified;

/// The native core: it decides, and performs no I/O.
#[pymodule]
mod _core {
    use pygateway_core::decision::Reason;
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_export]
    use crate::decision::{Decision, Reject, Respond};
    #[pymodule_export]
    use crate::exceptions::{ProtocolError, SpecError};
    #[pymodule_export]
    use crate::forward::Forward;
    #[pymodule_export]
    use crate::gate::{Gate, Peer};
    #[pymodule_export]
    use crate::line_ring::LineRing;
    #[pymodule_export]
    use crate::rate_limit::{Arena, Funding, Unfunded, charge_window};
    #[pymodule_export]
    use crate::unverified::{Unverified, Verdict};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = Reason::ALL.map(Reason::name);
        module.add("REASONS", PyTuple::new(module.py(), names)?)
    }
}

mod exceptions {
    use pyo3::create_exception;
    use pyo3::exceptions::PyValueError;

    create_exception!(
        _core,
        ProtocolError,
        PyValueError,
        "The upstream's response breaks a guard; its connection is unusable."
    );
    create_exception!(
        _core,
        SpecError,
        PyValueError,
        "The gate specification is unusable."
    );
}
