//! §5.1, overview: every frame of a client is masked.

use rfc6455::{Frame, MaskingKey, StatusCode};

use super::{fails_as_is, not_as_a_close, until_failed};
use crate::case::cases;
use crate::peer::Peer;
use crate::verdict::Verdict;

cases! { Peer:
    /// A text frame that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/text" ["6455-5.1-01"]
        => fails_as_is([Frame::text("plain")]);
    /// A binary frame that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/binary" ["6455-5.1-01"]
        => fails_as_is([Frame::binary("plain")]);
    /// An empty frame that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/empty" ["6455-5.1-01"]
        => fails_as_is([Frame::text("")]);
    /// A Ping that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/ping" ["6455-5.1-01"]
        => fails_as_is([Frame::ping("plain")]);
    /// A Pong that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/pong" ["6455-5.1-01"]
        => fails_as_is([Frame::pong("plain")]);
    /// A Close that is not masked fails the connection and is not answered in
    /// kind.
    Must "6455/5.1/client-frames-are-masked/close" ["6455-5.1-01"]
        => plain_close_fails;
    /// A continuation that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/continuation" ["6455-5.1-01"]
        => fails_as_is([
            Frame::text("fragment1").unfinished().masked(KEY),
            Frame::continuation("fragment2"),
        ]);
}

const KEY: MaskingKey = MaskingKey([0x12, 0x9c, 0x5e, 0xf1]);

async fn plain_close_fails(peer: &mut Peer) -> Verdict {
    let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
    peer.send_as_is(close).await?;
    not_as_a_close(&until_failed(peer, &[]).await?)
}
