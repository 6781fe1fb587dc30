//! Whose an entry is.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// An odd constant with well-mixed bits (the golden ratio and the square root of 3, less their
/// whole parts).
const MIX: u128 = 0x9e37_79b9_7f4a_7c15_bb67_ae85_84ca_a73b;

/// A keyed hash of 128 bits (SipHash-1-3: Aumasson and Bernstein, "SipHash: a fast short-input
/// PRF", 2012), of one arena. The low half says where an entry lies, the high half tells entries of
/// the same place apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u128);

impl Key {
    pub(super) fn new(hash_key: &[u8; 16], parts: &[&[u8]]) -> Self {
        let mut hasher = SipHasher13::new_with_key(hash_key);
        for part in parts {
            hasher.write(&(part.len() as u64).to_le_bytes());
            hasher.write(part);
        }
        Self(hasher.finish128().as_u128())
    }

    /// Another key, for another thing that is known under the same name.
    #[inline]
    pub(crate) const fn salted(self, salt: u64) -> Self {
        Self(self.0 ^ MIX.wrapping_mul(salt as u128))
    }

    /// Two numbers for finding places.
    #[inline]
    pub(super) const fn places(self) -> (usize, usize) {
        (self.0 as u32 as usize, (self.0 >> 32) as u32 as usize)
    }

    /// One number that is never 0.
    pub(super) const fn number(self) -> u64 {
        let number = (self.0 >> 64) as u64;
        if number == 0 { 1 } else { number }
    }

    /// The topmost bits, which are never all zero.
    #[inline]
    pub(super) const fn tag(self, bits: u32) -> u128 {
        let tag = self.0 >> (128 - bits);
        if tag == 0 { 1 } else { tag }
    }
}
