//! The keys of one provider, replaced as a whole.

use std::sync::Arc;

use super::{Algorithm, Key};

/// Most keys that are tried for one token, so that a token cannot buy more work than this.
const MOST_TRIES: usize = 16;

/// The keys of one provider.
#[derive(Debug, Default)]
pub struct KeyRing {
    keys: Vec<Arc<Key>>,
    version: u64,
    /// Whether there may be other keys by now, for whoever asks the issuer.
    pub renewable: bool,
}

impl KeyRing {
    /// A ring without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hold exactly these keys from now on.
    ///
    /// Those that were held already stay what they are, and so do the tokens that they vouched for;
    /// those that leave are dead for ever, even when their like comes back.
    pub fn replace(&mut self, keys: Vec<Key>) {
        let mut next: Vec<Arc<Key>> = Vec::with_capacity(keys.len());
        for key in keys {
            let is_same = |known: &&Arc<Key>| known.equals(&key);
            if next.iter().any(|known| is_same(&known)) {
                continue;
            }
            let known = self.keys.iter().find(is_same).cloned();
            next.push(known.unwrap_or_else(|| Arc::new(key)));
        }
        let is_in = |ring: &[Arc<Key>], key| ring.iter().any(|other| Arc::ptr_eq(other, key));
        let mut is_changed = next.len() != self.keys.len();
        for leaving in self.keys.iter().filter(|key| !is_in(&next, key)) {
            leaving.end();
            is_changed = true;
        }
        self.version += u64::from(is_changed);
        self.keys = next;
    }

    /// The keys with which a token of this key id and algorithm can be checked: those of the same
    /// id first, then those without one. A token without an id is tried with every fitting key.
    pub fn candidates(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Arc<Key>> {
        let fitting = move |key: &&Arc<Key>| key.fits(kid, algorithm);
        let named = self.keys.iter().filter(|key| key.id().is_some());
        let nameless = self.keys.iter().filter(|key| key.id().is_none());
        named.chain(nameless).filter(fitting).take(MOST_TRIES)
    }

    /// A number that grows whenever the keys change.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[Arc<Key>] {
        &self.keys
    }
}
