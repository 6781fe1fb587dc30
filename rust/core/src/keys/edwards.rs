//! Points of Ed25519 that are no keys.

/// The y coordinates of the points whose order divides 8, as little-endian halves. Signatures of
/// such keys can be made by everybody: for the neutral point, one fits every text.
const OF_SMALL_ORDER: [(u128, u128); 7] = [
    (0, 0),
    (1, 0),
    (
        0xf098_eff2_89f4_c345_b027_b2c2_8f95_e826,
        0x05fc_536d_8802_38b1_3933_c6d3_05ac_dfd5,
    ),
    (
        0x0f67_100d_760b_3cba_4fd8_4d3d_706a_17c7,
        0x7a03_ac92_77fd_c74e_c6cc_392c_fa53_202a,
    ),
    // The prime p = 2^255 - 19 less one, and 0 and 1 again, written as p and p + 1.
    (u128::MAX - 19, u128::MAX >> 1),
    (u128::MAX - 18, u128::MAX >> 1),
    (u128::MAX - 17, u128::MAX >> 1),
];

/// Whether a key (RFC 8032 section 5.1.5) is a point of small order.
pub(super) fn is_of_small_order(key: [u8; 32]) -> bool {
    let [low, high] = [0, 16].map(|start| {
        let half = std::array::from_fn(|place| key[start + place]);
        u128::from_le_bytes(half)
    });
    // The highest bit is the sign of x.
    OF_SMALL_ORDER.contains(&(low, high & u128::MAX >> 1))
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    fn key((low, high): (u128, u128), sign: u8) -> [u8; 32] {
        let mut key = [0; 32];
        key[..16].copy_from_slice(&low.to_le_bytes());
        key[16..].copy_from_slice(&high.to_le_bytes());
        key[31] |= sign << 7;
        key
    }

    #[test]
    fn points_of_small_order_are_known() {
        for point in OF_SMALL_ORDER {
            assert!(is_of_small_order(key(point, 0)) && is_of_small_order(key(point, 1)));
        }
        assert!(!is_of_small_order(key((2, 0), 0)) && !is_of_small_order(key((0, 1), 0)));
        assert!(!is_of_small_order([0xff; 32]));
    }

    #[test]
    fn everybody_could_sign_for_them() {
        // With the neutral point as R and 0 as S, the equation of RFC 8032 section 5.1.7 holds for
        // every text whose hash is a multiple of the key's order: one in eight, or more.
        let signature = [key((1, 0), 0), [0; 32]].concat();
        for point in &OF_SMALL_ORDER[..5] {
            let public = UnparsedPublicKey::new(&ED25519, key(*point, 0));
            let holds = |text: &u16| public.verify(&text.to_le_bytes(), &signature).is_ok();
            assert!((0..500).any(|text| holds(&text)), "{point:?}");
        }
    }
}
