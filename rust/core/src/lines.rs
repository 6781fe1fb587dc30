//! The field lines of a message: checked, recognised, and asked for what frames it.

use crate::connection::Options;
use crate::field::Field;
use crate::framing::{Framing, Seen, Version};
use crate::grammar::{is_field_value, trim};
use crate::specification::Limits;

/// The fields of a message as a tokeniser delivered them, in wire order.
pub type RawFields<'a> = [(&'a [u8], &'a [u8])];

/// One field line with a valid name and value.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// Name as it was written.
    pub name: &'a [u8],
    /// Value without whitespace around it.
    pub value: &'a [u8],
    /// What it is to the gateway.
    pub field: Field,
}

/// The field lines of a request or response, with what frames and routes every message.
#[derive(Debug)]
pub struct Lines<'a> {
    /// The lines, in wire order.
    pub all: Vec<Line<'a>>,
    /// Bytes of all lines on the wire.
    pub size: usize,
    /// Content-Length.
    pub content_length: Seen<'a>,
    /// The values of Transfer-Encoding.
    pub transfer_encoding: Vec<&'a [u8]>,
    /// Options of Connection.
    pub options: Options<'a>,
}

/// Why the fields of a message are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesError {
    /// More lines or bytes than the limits allow.
    TooLarge(&'static str),
    /// Syntax.
    Malformed(&'static str),
}

impl LinesError {
    /// One sentence for the client or the log.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::TooLarge(detail) | Self::Malformed(detail) => detail,
        }
    }
}

impl<'a> Lines<'a> {
    /// Check and recognise each field of a message.
    ///
    /// # Errors
    ///
    /// [`LinesError`] when a limit is passed or a name or value may not stand.
    pub fn read(fields: &RawFields<'a>, limits: &Limits) -> Result<Self, LinesError> {
        if fields.len() > limits.header_count {
            return Err(LinesError::TooLarge("There are too many header fields."));
        }
        let mut lines = Self {
            all: Vec::with_capacity(fields.len()),
            size: 0,
            content_length: Seen::Absent,
            transfer_encoding: Vec::new(),
            options: Options::default(),
        };
        for &(name, value) in fields {
            // Two bytes for ": ", two for the line's end.
            lines.size += name.len() + value.len() + 4;
            if lines.size > limits.header_bytes {
                return Err(LinesError::TooLarge("The header fields are too large."));
            }
            lines.push(name, trim(value))?;
        }
        Ok(lines)
    }

    #[inline]
    fn push(&mut self, name: &'a [u8], value: &'a [u8]) -> Result<(), LinesError> {
        let field = Field::recognise(name)
            .map_err(|_| LinesError::Malformed("The name of a header field is malformed."))?;
        if !is_field_value(value) {
            return Err(LinesError::Malformed(
                "The value of a header field is malformed.",
            ));
        }
        match field {
            Field::ContentLength => self.content_length.add(value),
            Field::TransferEncoding => self.transfer_encoding.push(value),
            Field::Connection => self.options.read(value).map_err(|_| {
                LinesError::Malformed("The Connection field nominates too many fields.")
            })?,
            _ => {}
        }
        self.all.push(Line { name, value, field });
        Ok(())
    }

    /// The fields that frame the message.
    #[must_use]
    pub fn framing(&self, version: Version) -> Framing<'_> {
        Framing {
            version,
            content_length: self.content_length,
            transfer_encoding: &self.transfer_encoding,
        }
    }

    /// The values of one field, in wire order.
    #[must_use]
    pub fn values(&self, field: Field) -> impl DoubleEndedIterator<Item = &'a [u8]> + '_ {
        self.all
            .iter()
            .filter(move |line| line.field == field)
            .map(|line| line.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        header_bytes: 64,
        header_count: 3,
        target_bytes: 0,
        body_bytes: 0,
    };

    fn read<'a>(fields: &[(&'a str, &'a str)]) -> Result<Lines<'a>, LinesError> {
        let fields: Vec<_> = fields
            .iter()
            .map(|&(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        Lines::read(&fields, &LIMITS)
    }

    #[test]
    fn lines_keep_order_and_spelling_but_no_whitespace_around_values() {
        let lines = read(&[("x-B", " 1\t"), ("X-a", "caf\u{e9}")]).expect("lines");
        let all: Vec<_> = lines
            .all
            .iter()
            .map(|line| (line.name, line.value))
            .collect();
        assert_eq!(
            all,
            [(&b"x-B"[..], &b"1"[..]), (b"X-a", "caf\u{e9}".as_bytes())]
        );
        assert_eq!(lines.size, 3 + 3 + 4 + 3 + 5 + 4);
    }

    #[test]
    fn values_of_a_field_are_found_in_any_spelling() {
        let lines = read(&[("Via", "a"), ("X", "b"), ("vIA", "c")]).expect("lines");
        let via: Vec<_> = lines.values(Field::Via).collect();
        assert_eq!(via, [b"a", b"c"]);
    }

    #[test]
    fn limits_hold_for_count_and_size() {
        let is_too_large =
            |fields: &[(&str, &str)]| matches!(read(fields), Err(LinesError::TooLarge(_)));
        assert!(!is_too_large(&[("a", ""), ("b", ""), ("c", "")]));
        assert!(is_too_large(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]));
        assert!(!is_too_large(&[("a", &"x".repeat(59))]));
        assert!(is_too_large(&[("a", &"x".repeat(60))]));
    }

    #[test]
    fn faulty_names_and_values_are_refused() {
        for field in [
            ("", "x"),
            ("a b", "x"),
            ("a", "x\ry"),
            ("a", "\0"),
            ("a", "\u{7f}"),
        ] {
            assert!(
                matches!(read(&[field]), Err(LinesError::Malformed(_))),
                "{field:?}"
            );
        }
    }
}
