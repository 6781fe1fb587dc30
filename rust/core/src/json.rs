//! JSON objects out of tokens, read strictly (RFC 8259, and I-JSON of RFC 7493 where it matters).
//!
//! Two readers that understand one text differently are how a token comes to mean one thing to the
//! gateway and another to a service behind it. So whatever readers are known to differ about is
//! refused: a member that stands twice, at any level, half of a surrogate pair, a number that is
//! not finite, text after the value, and nesting that some readers give up on.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting, the outermost object counted. Real tokens need 4 or 5.
const DEEPEST: usize = 32;

/// Most values in a token's header or payload, at all levels. Real ones have up to a hundred, and
/// to read thousands of tiny ones costs many times as much as to read the bytes.
pub const MOST_VALUES: usize = 512;

/// What is wrong with a text. The text itself is not told: it came out of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonError {
    /// It is not JSON in UTF-8, or a number in it is not finite.
    Syntax,
    /// An object has two members of one name.
    Duplicate,
    /// It is nested too deeply.
    Depth,
    /// There are too many values.
    Size,
    /// It is JSON, but not an object.
    NotAnObject,
}

impl fmt::Display for JsonError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Syntax => "not JSON in UTF-8",
            Self::Duplicate => "an object with two members of one name",
            Self::Depth => "nested too deeply",
            Self::Size => "too many values",
            Self::NotAnObject => "not an object",
        })
    }
}

impl std::error::Error for JsonError {}

/// Read one object of any size, from somebody who is trusted.
///
/// # Errors
///
/// [`JsonError`], whatever stands in the text besides one object.
pub fn parse(text: &[u8]) -> Result<Map<String, Value>, JsonError> {
    parse_small(text, usize::MAX)
}

/// Read one object with no more than `most` members and elements at all levels together.
///
/// Integers beyond 64 bits and fractions become the nearest binary64, as RFC 8259 section 6 lets
/// one expect.
///
/// # Errors
///
/// [`JsonError`], whatever stands in the text besides one object.
pub fn parse_small(text: &[u8], most: usize) -> Result<Map<String, Value>, JsonError> {
    // The reader's own errors are all of syntax; ours leave a note first.
    let problem = Cell::new(JsonError::Syntax);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let strict = Strict {
        depth: 0,
        left: &Cell::new(most),
        problem: &problem,
    };
    let value = strict.deserialize(&mut reader).map_err(|_| problem.get())?;
    reader.end().map_err(|_| JsonError::Syntax)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Reads one value inside of `depth` others.
#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    /// How many more values may come.
    left: &'a Cell<usize>,
    problem: &'a Cell<JsonError>,
}

impl Strict<'_> {
    fn refuse<E: Error>(&self, problem: JsonError) -> E {
        self.problem.set(problem);
        E::custom(problem)
    }

    /// The reader of what stands inside of an array or object that starts here.
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth + 1;
        if depth > DEEPEST {
            return Err(self.refuse(JsonError::Depth));
        }
        Ok(Self { depth, ..self })
    }

    /// Count a member or an element.
    fn count<E: Error>(&self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or_else(|| self.refuse(JsonError::Size))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| self.refuse(JsonError::Syntax))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(inner)? {
            self.count()?;
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            self.count()?;
            let value = members.next_value_seed(inner)?;
            if map.insert(name, value).is_some() {
                return Err(self.refuse(JsonError::Duplicate));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests;
