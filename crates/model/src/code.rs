//! The six digits that both ends of a request to watch show, for two people to compare.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::IdError;

/// How many codes there are.
const CODES: u32 = 1_000_000;

/// A six-digit code. Shown as `482 913`, written `482913` in JSON and on command lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u32);

impl Code {
    /// The code that a number picks. Even numbers of 64 bits are as good as evenly spread: the bias
    /// is below 2⁻⁴⁴.
    pub fn from_number(number: u64) -> Self {
        Self(u32::try_from(number % u64::from(CODES)).unwrap_or(0))
    }

    /// In two groups of three, as people read it out.
    pub fn spaced(self) -> String {
        format!("{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

impl FromStr for Code {
    type Err = IdError;

    /// Spaces and hyphens may stand anywhere between the six digits.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(IdError);
        }
        digits.parse().map(Self).map_err(|_| IdError)
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let code = Code::from_number(12_000_042);
        assert_eq!((code.to_string(), code.spaced()), ("000042".into(), "000 042".into()));
        for text in ["000042", "000 042", "000-042", " 00 00 42 "] {
            assert_eq!(text.parse(), Ok(code), "{text}");
        }
        for text in ["", "42", "00004２", "+00042", "0000420", "-00004"] {
            assert_eq!(text.parse::<Code>(), Err(IdError), "{text}");
        }
    }
}
