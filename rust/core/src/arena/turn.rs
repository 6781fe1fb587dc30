//! The moment before a table's word is read or swapped. It is nothing, except in tests: they let
//! another process go first there, or this one be killed.

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Load,
    Swap,
}

#[cfg(not(test))]
#[inline]
pub(super) const fn wait(_next: Next) {}

#[cfg(test)]
pub(super) use in_tests::{set, wait};

#[cfg(test)]
mod in_tests {
    use std::cell::RefCell;

    use super::Next;

    type Wait = Box<dyn FnMut(Next)>;

    thread_local! {
        static WAIT: RefCell<Option<Wait>> = const { RefCell::new(None) };
    }

    pub(in super::super) fn wait(next: Next) {
        WAIT.with_borrow_mut(|wait| {
            if let Some(wait) = wait {
                wait(next);
            }
        });
    }

    /// What this thread does at every such moment from now on.
    pub(in super::super) fn set(wait: impl FnMut(Next) + 'static) {
        WAIT.set(Some(Box::new(wait)));
    }
}
