//! Chance from the system: codes, invitations and runs are only as good as this.

use rustls::crypto::ring;
use thiserror::Error;

/// The system gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the system gives this program no random numbers: restart the computer")]
pub struct RandomError;

/// `N` bytes that nobody can foresee, from the system's own source.
///
/// # Errors
/// [`RandomError`]; never on a system in order.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    ring::default_provider().secure_random.fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_draws_are_alike_and_every_byte_is_drawn() {
        let draws: Vec<[u8; 16]> = (0..64).map(|_| random_bytes().unwrap()).collect();
        let distinct: std::collections::BTreeSet<_> = draws.iter().collect();
        assert_eq!(distinct.len(), draws.len());
        for place in 0..16 {
            assert!(draws.iter().any(|draw| draw[place] != draws[0][place]), "byte {place}");
        }
    }
}
