//! Long text that is cut where it hurts.

use rfc6455::{Frame, Opcode};

use super::at_most_declared;
use crate::case::family;
use crate::peer::Peer;
use crate::verdict::Verdict;

family! { LONG, Peer:
    /// Half a MiB of text, cut inside its characters, is echoed.
    Guidance "hostile/text/long-and-cut/" ["6455-5.6-02"]
        seen "CVE-2018-1336 (Tomcat's UTF-8 decoder)"
        => long_and_cut;

    "behind-1-octet" (1);
    "behind-2-octets" (2);
    "behind-3-octets" (3);
}

/// U+1F980, four octets.
const CHARACTER: &str = "\u{1F980}";

async fn long_and_cut(peer: &mut Peer, octets: usize) -> Verdict {
    let length = at_most_declared(peer, 512 << 10);
    let text = CHARACTER.repeat(length / CHARACTER.len());
    let (first, rest) = text.as_bytes().split_at(octets);
    peer.send(Frame::new(Opcode::TEXT, first.to_vec()).unfinished())
        .await?;
    for part in rest.chunks((length / 16).max(1)) {
        let frame = Frame::continuation(part.to_vec()).unfinished();
        peer.send(frame).await?;
    }
    peer.send(Frame::continuation("")).await?;
    peer.expect(Frame::text(text)).await
}
