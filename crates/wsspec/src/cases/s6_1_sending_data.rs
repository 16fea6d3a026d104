//! §6.1, sending data: frames stay whole, also where the client does not take
//! them at once.

use super::unread::{Came, Talk, stop_reading};
use crate::case::family;
use crate::peer::{Incoming, Peer};
use crate::verdict::{Finding, Verdict};

family! { UNREAD, Peer:
    /// A server sends whole frames also to a client that does not read for a
    /// while: it loses no byte of a frame and writes no frame into another.
    Must "6455/6.1/unread-frames-are-whole/" ["6455-6.1-02", "6455-5.4-02", "6455-5.4-04"]
        => frames_are_whole;

    "long" (Talk::Long);
    "short" (Talk::Short);
    "with-pings" (Talk::WithPings);
    "fragmented" (Talk::Fragmented);
}

/// Whether everything comes is another case's matter, and so is how a server
/// gives up.
async fn frames_are_whole(peer: &mut Peer, talk: Talk) -> Verdict {
    let mut due = stop_reading(peer, talk).await;
    due.read_on(peer, Vec::new()).await?;
    match due.comes(peer, true).await? {
        Came::Other(got @ Incoming::Silence(_)) if peer.is_inside_a_frame() => {
            Err(Finding::violation(
                "the rest of the frame that has begun",
                got,
            ))
        }
        Came::Everything
        | Came::Other(
            Incoming::Close(_) | Incoming::End(_) | Incoming::Silence(_),
        ) => Ok(()),
        Came::Other(got) => {
            Err(Finding::violation("an echo of what was sent", got))
        }
    }
}
