//! Lines of one worker on their way to the log.

/// A bounded ring of lines in memory that the one who writes the log shares.
#[derive(Debug)]
pub struct LineRing {}

impl LineRing {
    /// Put a line in; `false` when there is no room, and the line is lost.
    #[must_use]
    pub fn put(&self, _line: &[u8]) -> bool {
        false
    }
}
