//! Sets of field names that are asked for every field of a message.

use crate::field::is_spelling;
use crate::grammar::folded;

/// A set of field names with a small number for each, asked for every field of a message.
///
/// Most names differ from all members in length alone, which one bit decides.
#[derive(Debug, Default)]
pub struct FieldNames {
    lengths: u64,
    members: Vec<(Box<[u8]>, usize)>,
}

impl FieldNames {
    /// Add a name, in any spelling. The first number given to a name stays.
    pub fn insert(&mut self, name: &[u8], number: usize) {
        if self.get(name).is_none() {
            self.lengths |= Self::length_bit(name);
            let member = name.iter().map(|&byte| folded(byte)).collect();
            self.members.push((member, number));
        }
    }

    /// The number of `name`, whatever its case and with `_` as `-`.
    #[must_use]
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<usize> {
        if self.lengths & Self::length_bit(name) == 0 {
            return None;
        }
        self.search(name)
    }

    /// Whether there is no member.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether `name` is a member.
    #[must_use]
    #[inline]
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    fn search(&self, name: &[u8]) -> Option<usize> {
        let same = |member: &[u8]| member.len() == name.len() && is_spelling(name, member);
        self.members
            .iter()
            .find(|(member, _)| same(member))
            .map(|&(_, number)| number)
    }

    const fn length_bit(name: &[u8]) -> u64 {
        1 << (name.len() & 63)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_ignore_case_and_separators() {
        let mut names = FieldNames::default();
        names.insert(b"X-User-ID", 0);
        names.insert(b"x_user_id", 1);
        names.insert(b"Server", 2);
        assert_eq!(names.get(b"x-user_id"), Some(0));
        assert_eq!(names.get(b"SERVER"), Some(2));
        assert_eq!(names.get(b"Served"), None);
        assert_eq!(names.get(b"X"), None);
    }
}
