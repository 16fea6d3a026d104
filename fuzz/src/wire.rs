//! What the fuzz targets check of rfc6455, for any octets.
//!
//! Apart from the targets, so that `crates/rfc6455/tests/corpus.rs` can replay
//! the corpus on a stable compiler.

use rfc6455::handshake::{
    RequestHead, ResponseHead, check_request, check_response,
};
use rfc6455::{Decoder, Frame, Sender, Violation};

/// The most that a frame may carry here.
const LIMIT: u64 = 1 << 16;

/// Wherever the octets are cut, the decoder gives the same frames and the
/// same violation; what it read can be written and is then the same octets.
///
/// The first octet says how long the pieces are.
pub fn decoder(data: &[u8]) {
    let Some((first, octets)) = data.split_first() else {
        return;
    };
    let piece = usize::from(*first).max(1);
    let decoders: [fn() -> Decoder; 3] = [
        || Decoder::lenient(LIMIT),
        || Decoder::strict(Sender::Client, LIMIT),
        || Decoder::strict(Sender::Server, LIMIT),
    ];
    for decoder in decoders {
        let whole = outcome(decoder(), octets.chunks(octets.len().max(1)));
        let cut = outcome(decoder(), octets.chunks(piece));
        assert_eq!(whole, cut);
        let mut written = Vec::new();
        for frame in &whole.0 {
            frame.encode(&mut written);
        }
        assert_eq!(written, octets[..written.len()]);
    }
}

fn outcome<'a>(
    mut decoder: Decoder,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Frame>, Option<Violation>) {
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(violation) => return (frames, Some(violation)),
            }
        }
    }
    (frames, None)
}

/// A head that is complete is complete with anything behind it, and takes the
/// same octets.
pub fn handshake(data: &[u8]) {
    let followed = [data, b"\x81\x00"].concat();
    if let Ok(Some((head, length))) = RequestHead::decode(data) {
        let again = RequestHead::decode(&followed);
        assert_eq!(again, Ok(Some((head.clone(), length))));
        if let Ok(accept) = check_request(&head) {
            assert_eq!(accept.len(), 28);
        }
    }
    if let Ok(Some((head, length))) = ResponseHead::decode(data) {
        let again = ResponseHead::decode(&followed);
        assert_eq!(again, Ok(Some((head.clone(), length))));
        _ = check_response(&head, "dGhlIHNhbXBsZSBub25jZQ==");
    }
}
