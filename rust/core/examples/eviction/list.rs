//! Keys in a row, linked, with a mark each.

/// Number of a node.
pub type Place = usize;

#[derive(Clone, Copy)]
struct Node {
    key: u64,
    until: u64,
    is_marked: bool,
    newer: Option<Place>,
    older: Option<Place>,
}

/// A row of keys; new ones enter at one end.
#[derive(Default)]
pub struct List {
    nodes: Vec<Node>,
    free: Vec<Place>,
    newest: Option<Place>,
    oldest: Option<Place>,
}

impl List {
    pub fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    pub fn oldest(&self) -> Option<Place> {
        self.oldest
    }

    pub fn newer(&self, place: Place) -> Option<Place> {
        self.nodes[place].newer
    }

    pub fn key(&self, place: Place) -> u64 {
        self.nodes[place].key
    }

    pub fn mark(&mut self, place: Place) -> &mut bool {
        &mut self.nodes[place].is_marked
    }

    /// When a key is of no use any more.
    pub fn until(&mut self, place: Place) -> &mut u64 {
        &mut self.nodes[place].until
    }

    pub fn push(&mut self, key: u64, until: u64) -> Place {
        let node = Node {
            key,
            until,
            is_marked: false,
            newer: None,
            older: self.newest,
        };
        let place = if let Some(place) = self.free.pop() {
            self.nodes[place] = node;
            place
        } else {
            self.nodes.push(node);
            self.nodes.len() - 1
        };
        match self.newest.replace(place) {
            Some(second) => self.nodes[second].newer = Some(place),
            None => self.oldest = Some(place),
        }
        place
    }

    pub fn remove(&mut self, place: Place) -> u64 {
        let Node {
            key, newer, older, ..
        } = self.nodes[place];
        match newer {
            Some(newer) => self.nodes[newer].older = older,
            None => self.newest = older,
        }
        match older {
            Some(older) => self.nodes[older].newer = newer,
            None => self.oldest = newer,
        }
        self.free.push(place);
        key
    }

    /// Take out the oldest.
    pub fn pop(&mut self) -> Option<u64> {
        self.oldest.map(|place| self.remove(place))
    }
}
