//! UTF-8 that arrives in pieces.

/// Checks UTF-8 octet by octet, however the text is cut, and finds a fault at
/// the first octet that no continuation could mend ([RFC 6455 §8.1]).
///
/// [RFC 6455 §8.1]: https://www.rfc-editor.org/rfc/rfc6455#section-8.1
#[derive(Clone, Debug, Default)]
pub struct Utf8 {
    /// The beginning of a code point that is not complete yet.
    pending: [u8; 4],
    pending_length: usize,
    /// A text that has a fault keeps it, whatever comes.
    faulty: bool,
}

/// The octets so far can't be the beginning of any UTF-8 text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the octets are not UTF-8")]
pub struct NotUtf8;

impl Utf8 {
    /// Takes the next octets.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] as soon as nothing that could follow would make it valid,
    /// and from then on until [`Utf8::finish`].
    pub fn push(&mut self, octets: &[u8]) -> Result<(), NotUtf8> {
        if self.faulty || self.take(octets).is_err() {
            self.faulty = true;
            return Err(NotUtf8);
        }
        Ok(())
    }

    /// Ends the text and makes ready for the next one.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] if the text had a fault or ends inside a code point.
    pub fn finish(&mut self) -> Result<(), NotUtf8> {
        let text = std::mem::take(self);
        if text.faulty || text.pending_length > 0 {
            return Err(NotUtf8);
        }
        Ok(())
    }

    fn take(&mut self, mut octets: &[u8]) -> Result<(), NotUtf8> {
        while self.pending_length > 0 {
            let [first, rest @ ..] = octets else {
                return Ok(());
            };
            self.pending[self.pending_length] = *first;
            self.pending_length += 1;
            octets = rest;
            match std::str::from_utf8(&self.pending[..self.pending_length]) {
                Ok(_) => self.pending_length = 0,
                Err(error) if error.error_len().is_some() => {
                    return Err(NotUtf8);
                }
                Err(_) => {}
            }
        }
        let Err(error) = std::str::from_utf8(octets) else {
            return Ok(());
        };
        if error.error_len().is_some() {
            return Err(NotUtf8);
        }
        let tail = &octets[error.valid_up_to()..];
        self.pending[..tail.len()].copy_from_slice(tail);
        self.pending_length = tail.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_stays_until_the_text_ends() {
        let mut text = Utf8::default();
        for octet in [0xe2, 0x28, b'a', 0x82, 0xe2, 0x82, 0xac] {
            let fine = text.push(&[octet]).is_ok();
            assert_eq!(fine, octet == 0xe2 && !text.faulty, "{octet:#x}");
        }
        assert_eq!(text.finish(), Err(NotUtf8));
        assert_eq!(text.push("€".as_bytes()), Ok(()));
        assert_eq!(text.finish(), Ok(()));
    }

    #[test]
    fn nothing_that_follows_a_fault_is_looked_at() {
        let mut text = Utf8::default();
        assert_eq!(text.push(&[0xf0]), Ok(()));
        for _ in 0..8 {
            assert_eq!(text.push(&[0xf0]), Err(NotUtf8));
        }
    }
}
