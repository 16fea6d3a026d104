//! What the fuzz targets check of rfc9113, for any octets.
//!
//! Apart from the targets, so that `crates/rfc9113/tests/corpus.rs` can replay
//! the corpus on a stable compiler.

use rfc9113::{
    Decoder, Field, Frame, RequestHead, ResponseHead, Rules, Section, Sections,
    Sender, Violation, hpack,
};

/// The most that a frame may carry, and a section count for, here.
const LIMIT: u16 = 1 << 14;

/// Wherever the octets are cut, the decoder gives the same frames and the
/// same violation, and what it read can be written and is then the same
/// octets; what the frames say can be judged.
///
/// The first octet says how long the pieces are.
pub fn connection(data: &[u8]) {
    let Some((first, octets)) = data.split_first() else {
        return;
    };
    let piece = usize::from(*first).max(1);
    let whole = outcome(octets.chunks(octets.len().max(1)));
    let cut = outcome(octets.chunks(piece));
    assert_eq!(whole, cut);
    let mut written = Vec::new();
    for frame in &whole.0 {
        frame.encode(&mut written);
        _ = frame.header().to_string();
    }
    assert_eq!(written, octets[..written.len()]);
    for sender in [Sender::Client, Sender::Server] {
        _ = judge(&whole.0, sender);
    }
}

fn outcome<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Frame>, Option<Violation>) {
    let mut decoder = Decoder::new(LIMIT.into());
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

fn judge(frames: &[Frame], sender: Sender) -> Result<(), Violation> {
    let mut rules = Rules::new(sender);
    let mut sections = Sections::new(LIMIT.into());
    for frame in frames {
        let payload = rules.check(frame)?;
        if let Some(section) = sections.take(frame, &payload)? {
            said_again(&section);
        }
    }
    Ok(())
}

/// A section that could be read can be said, and is then the same.
fn said_again(section: &Section) {
    let mut sections = Sections::new(2 * usize::from(LIMIT));
    let mut again = None;
    for frame in section.frames(100) {
        let payload = frame.read().expect("our own frame");
        again = sections
            .take(&frame, &payload)
            .expect("our own section");
    }
    assert_eq!(again.as_ref(), Some(section));
    let fields = || section.fields.clone();
    _ = RequestHead::read(fields()).map_err(|it| it.to_string());
    _ = ResponseHead::read(fields()).map_err(|it| it.to_string());
}

/// A section keeps to its limit, and what it says can be said by literals.
///
/// The first octet says how many octets each section has, and what is done to
/// the table before the second.
pub fn hpack(data: &[u8]) {
    let Some((first, octets)) = data.split_first() else {
        return;
    };
    let length = usize::from(*first).max(1);
    let mut decoder = hpack::Decoder::new(LIMIT.into());
    for (at, section) in octets.chunks(length).enumerate() {
        if at == 1 {
            decoder.set_table_size(u32::from(*first) * 40);
        }
        let Ok(fields) = decoder.decode(section) else {
            return;
        };
        let size: usize = fields.iter().map(Field::size).sum();
        assert!(size <= LIMIT.into());
        let again = hpack::encode(&fields);
        let again = hpack::Decoder::new(LIMIT.into()).decode(again);
        assert_eq!(again, Ok(fields));
    }
}
