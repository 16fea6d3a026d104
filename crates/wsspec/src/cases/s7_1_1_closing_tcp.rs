//! §7.1.1 and §7.1.4: how TCP ends, in order or because the client is gone.

use rfc6455::{Frame, StatusCode};

use crate::case::{cases, family};
use crate::peer::{Incoming, Peer};
use crate::record::End;
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// After a clean closing handshake TCP ends in order: FIN, not RST.
    Should "6455/7.1.1/tcp-ends-in-order" ["6455-7.1.1-01", "6455-7.1.1-03"]
        => tcp_ends_in_order;
}

family! { LOST, Peer:
    /// A client that ends its side without a Close has gone: the server ends
    /// the connection, too.
    Should "6455/7.1.4/lost-connection-is-ended/" ["6455-7.1.4-01"]
        => lost_connection_is_ended;

    "open" (b"");
    "after-a-message" (b"\x81\x82\0\0\0\0hi");
    "inside-a-header" (b"\x81");
    "inside-a-frame" (b"\x81\x85\0\0\0\0hel");
    "inside-a-message" (b"\x01\x82\0\0\0\0he");
}

async fn tcp_ends_in_order(peer: &mut Peer) -> Verdict {
    peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        .await?;
    peer.expect_close().await?;
    match peer.expect_end().await? {
        End::Fin => Ok(()),
        other => Err(Finding::violation(End::Fin, other)),
    }
}

/// A Close may come before the end, and the echo of a whole message.
async fn lost_connection_is_ended(
    peer: &mut Peer,
    octets: &'static [u8],
) -> Verdict {
    if !octets.is_empty() {
        peer.send_octets(octets).await?;
    }
    peer.end().await;
    loop {
        match peer.next().await? {
            Incoming::Message(..) | Incoming::Close(_) => {}
            Incoming::End(_) => return Ok(()),
            got => {
                return Err(Finding::violation(
                    "the end of the connection",
                    got,
                ));
            }
        }
    }
}
