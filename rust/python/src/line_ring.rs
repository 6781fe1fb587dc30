//! Lines of one worker on their way to the log.

use std::sync::Arc;

use pygateway_core::line_ring::LineRing as CoreRing;
use pyo3::prelude::*;

/// Lines of one worker on their way to the log.
#[pyclass(frozen, module = "pygateway._core")]
pub struct LineRing(pub Arc<CoreRing>);
