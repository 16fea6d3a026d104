//! §10.4, limits: what a server declares as its largest message and frame is
//! echoed, and more is refused.
//!
//! Nothing is guessed: a server that declares no limit, or one that is over
//! what a case sends, is not judged here.

use rfc6455::{Frame, Opcode};

use super::s7_1_7_failing_the_connection::ends_with;
use super::until_failed;
use crate::case::cases;
use crate::peer::{Cut, MOST_OF_MESSAGE, Peer};
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// A message of exactly the declared limit is echoed.
    Should "6455/10.4/at-the-limit-is-echoed/text" ["6455-10.4-02"]
        => at_the_limit(Opcode::TEXT);
    /// A message of exactly the declared limit is echoed.
    Should "6455/10.4/at-the-limit-is-echoed/binary" ["6455-10.4-02"]
        => at_the_limit(Opcode::BINARY);
    /// A frame of one octet over the declared limit fails the connection.
    Must "6455/10.4/over-the-limit-fails/frame" ["6455-10.4-01"]
        => frame_over_the_limit;
    /// Fragments of one octet over the declared limit fail the connection.
    Must "6455/10.4/over-the-limit-fails/fragments" ["6455-10.4-01"]
        => fragments_over_the_limit;
    /// A Close with 1009 precedes the end after a frame over the limit.
    Should "6455/10.4/over-the-limit-closes-with-1009/frame" ["6455-10.4-02", "6455-7.4.1-05"]
        => frame_closes_with_1009;
    /// A Close with 1009 precedes the end after fragments over the limit.
    Should "6455/10.4/over-the-limit-closes-with-1009/fragments" ["6455-10.4-02", "6455-7.4.1-05"]
        => fragments_close_with_1009;
}

/// What a server declares, as far as a case sends that much.
struct Limits {
    /// The largest message.
    message: u64,
    /// The largest frame.
    frame: u64,
}

fn limits(peer: &Peer) -> Result<Limits, Finding> {
    let declared = peer.declared();
    let message = declared.max_message.ok_or_else(|| {
        Finding::Unsupported("the server declares no max-message".to_owned())
    })?;
    // One octet more is read, so that an echo of it is seen.
    if message >= MOST_OF_MESSAGE {
        return Err(Finding::Unsupported(format!(
            "the declared max-message is over {MOST_OF_MESSAGE} octets, \
             which is what this case sends at most"
        )));
    }
    let frame = declared.max_frame.unwrap_or(message);
    Ok(Limits {
        message,
        frame: frame.min(message),
    })
}

/// A message of this length in frames that the server takes.
fn message(opcode: Opcode, length: u64, frame: u64) -> Vec<Frame> {
    let mut left = length;
    let mut frames = Vec::new();
    while left > 0 || frames.is_empty() {
        let part = usize::try_from(left.min(frame)).unwrap_or(usize::MAX);
        left -= part as u64;
        let opcode = match frames.is_empty() {
            true => opcode,
            false => Opcode::CONTINUATION,
        };
        let frame = Frame::new(opcode, vec![b'm'; part]);
        frames.push(match left {
            0 => frame,
            _ => frame.unfinished(),
        });
    }
    frames
}

async fn at_the_limit(peer: &mut Peer, opcode: Opcode) -> Verdict {
    let limits = limits(peer)?;
    for frame in message(opcode, limits.message, limits.frame) {
        peer.send(frame).await?;
    }
    let whole = usize::try_from(limits.message).unwrap_or(usize::MAX);
    peer.expect(Frame::new(opcode, vec![b'm'; whole]))
        .await
}

async fn send_long_frame(peer: &mut Peer) -> Verdict {
    let limit = limits(peer)?.frame;
    let length = usize::try_from(limit).unwrap_or(usize::MAX) + 1;
    let frame = Frame::binary(vec![b'f'; length]);
    peer.send_cut(Cut::UntilAnswered, [frame]).await
}

async fn send_long_message(peer: &mut Peer) -> Verdict {
    let limits = limits(peer)?;
    // Two fragments at least, each of them within the limit.
    let frame = limits.frame.min(limits.message / 2 + 1);
    let frames = message(Opcode::BINARY, limits.message + 1, frame);
    peer.send_cut(Cut::UntilAnswered, frames).await
}

async fn frame_over_the_limit(peer: &mut Peer) -> Verdict {
    send_long_frame(peer).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn fragments_over_the_limit(peer: &mut Peer) -> Verdict {
    send_long_message(peer).await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn frame_closes_with_1009(peer: &mut Peer) -> Verdict {
    send_long_frame(peer).await?;
    ends_with(peer, [1009]).await
}

async fn fragments_close_with_1009(peer: &mut Peer) -> Verdict {
    send_long_message(peer).await?;
    ends_with(peer, [1009]).await
}
