use super::*;

mod material;
mod ring;
mod signatures;

/// A key for one algorithm.
fn key(algorithm: Algorithm, kind: &str, material: &[u8]) -> Key {
    Key::new(None, &[algorithm], kind, material).expect("a key")
}

/// What is wrong with a key.
fn problem(algorithms: &[Algorithm], kind: &str, material: &[u8]) -> String {
    let key = Key::new(None, algorithms, kind, material);
    key.err()
        .map_or_else(String::new, |error| error.to_string())
}

/// An element of DER.
fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    match u8::try_from(contents.len()) {
        Ok(length @ 0..=0x7f) => der.push(length),
        Ok(length) => der.extend([0x81, length]),
        Err(_) => {
            der.push(0x82);
            der.extend((contents.len() as u16).to_be_bytes());
        }
    }
    der.extend(contents);
    der
}

/// An RSAPublicKey of two numbers in big-endian bytes.
fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let natural = |number: &[u8]| {
        let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
        element(0x02, &[sign, number].concat())
    };
    element(0x30, &[natural(modulus), natural(exponent)].concat())
}

/// The bytes of base64url without padding, of which the tests' texts are well-formed.
fn base64url(text: &str) -> Vec<u8> {
    let digit = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => panic!("no letter of base64url: {letter}"),
    };
    let mut bits = 0_u32;
    let mut bytes = Vec::new();
    for (count, letter) in text.bytes().enumerate() {
        bits = bits << 6 | u32::from(digit(letter));
        let spare = 6 * (count + 1) % 8;
        if spare < 6 {
            bytes.push((bits >> spare) as u8);
        }
    }
    bytes
}
