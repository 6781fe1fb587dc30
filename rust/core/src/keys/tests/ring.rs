//! Which keys are tried, and what becomes of those that leave.

use std::sync::Arc;

use super::*;

fn secret(id: Option<&str>, byte: u8) -> Key {
    let algorithms = [Algorithm::Hs256, Algorithm::Hs512];
    Key::new(id, &algorithms, "hmac", &[byte; 64]).expect("a key")
}

fn ids<'a>(ring: &'a KeyRing, kid: Option<&str>) -> Vec<Option<&'a str>> {
    let candidates = ring.candidates(kid, Algorithm::Hs256);
    candidates.map(|key| key.id()).collect()
}

#[test]
fn keys_of_the_same_id_come_before_those_without() {
    let mut ring = KeyRing::new();
    assert_eq!(ids(&ring, None), []);
    ring.replace(vec![
        secret(None, 1),
        secret(Some("a"), 2),
        secret(Some("b"), 3),
        secret(Some("a"), 4),
    ]);
    assert_eq!(ids(&ring, Some("a")), [Some("a"), Some("a"), None]);
    assert_eq!(ids(&ring, Some("c")), [None]);
    assert_eq!(ids(&ring, Some("")), [None]);
    assert_eq!(ids(&ring, None).len(), 4);
    assert_eq!(ring.candidates(None, Algorithm::Rs256).count(), 0);
}

#[test]
fn a_token_cannot_ask_for_many_tries() {
    let mut ring = KeyRing::new();
    let mut keys: Vec<_> = (0..100).map(|byte| secret(None, byte)).collect();
    keys.push(secret(Some("a"), 200));
    ring.replace(keys);
    assert_eq!(ids(&ring, None).len(), 16);
    assert_eq!(ids(&ring, Some("a"))[0], Some("a"));
}

#[test]
fn keys_that_stay_are_the_same_and_those_that_leave_are_dead() {
    let mut ring = KeyRing::new();
    ring.replace(vec![secret(Some("a"), 1), secret(Some("b"), 2)]);
    let before: Vec<Arc<Key>> = ring.keys().to_vec();
    let version = ring.version();
    // The same keys in another order, and one of them twice, are no change.
    ring.replace(vec![
        secret(Some("b"), 2),
        secret(Some("a"), 1),
        secret(Some("b"), 2),
    ]);
    assert_eq!((ring.version(), ring.keys().len()), (version, 2));
    assert!(Arc::ptr_eq(&ring.keys()[1], &before[0]));
    ring.replace(vec![secret(Some("a"), 1), secret(Some("b"), 3)]);
    assert!(ring.version() > version);
    assert!(before[0].is_alive() && !before[1].is_alive());
    // It does not come back to life with its like.
    ring.replace(vec![secret(Some("a"), 1), secret(Some("b"), 2)]);
    assert!(!before[1].is_alive() && ring.keys()[1].is_alive());
    ring.replace(Vec::new());
    assert!(!before[0].is_alive());
}

#[test]
fn a_key_changes_with_its_id_its_algorithms_its_kind_and_its_material() {
    let make = |id, algorithms: &[Algorithm], kind, material: &[u8]| {
        Key::new(id, algorithms, kind, material).expect("a key")
    };
    let key = || make(Some("a"), &[Algorithm::EdDsa], "ed25519", &[1; 32]);
    for other in [
        make(None, &[Algorithm::EdDsa], "ed25519", &[1; 32]),
        make(Some("b"), &[Algorithm::EdDsa], "ed25519", &[1; 32]),
        make(Some("a"), &[Algorithm::Ed25519], "ed25519", &[1; 32]),
        make(Some("a"), &[Algorithm::EdDsa], "external", &[1; 32]),
        make(Some("a"), &[Algorithm::EdDsa], "ed25519", &[2; 32]),
    ] {
        let mut ring = KeyRing::new();
        ring.replace(vec![key()]);
        let before = ring.keys()[0].clone();
        ring.replace(vec![other]);
        assert!(!before.is_alive());
    }
}

#[test]
fn external_keys_carry_their_material_and_check_nothing() {
    let algorithms = [Algorithm::Es256K];
    let key = Key::new(Some("a"), &algorithms, "external", b"opaque").expect("a key");
    assert_eq!(key.external(), Some(&b"opaque"[..]));
    assert!(key.fits(Some("a"), Algorithm::Es256K) && !key.is_symmetric());
    assert!(!key.verify(Algorithm::Es256K, b"", b"") && !key.verify(Algorithm::Es256, b"", b""));
}
