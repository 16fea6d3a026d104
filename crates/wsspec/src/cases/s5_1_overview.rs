//! §5.1, overview: every frame of a client is masked, and none of a server.

use rfc6455::{Frame, Header, MaskingKey, StatusCode};

use super::{fails_as_is, not_as_a_close, until_failed};
use crate::case::cases;
use crate::peer::{Incoming, Peer};
use crate::record::What;
use crate::verdict::{Finding, Verdict};

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
    /// A frame that is not masked and spells an HTTP request fails the
    /// connection, and nobody answers the request.
    Must "6455/5.1/client-frames-are-masked/http-request" ["6455-5.1-01"]
        => fails_as_is([Frame::text("GET / HTTP/1.1\r\nHost: a\r\n\r\n")]);
    /// A Ping that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/ping" ["6455-5.1-01"]
        => fails_as_is([Frame::ping("plain")]);
    /// A Pong that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/pong" ["6455-5.1-01"]
        => fails_as_is([Frame::pong("plain")]);
    /// A Close that is not masked fails the connection and is not answered in
    /// kind.
    Should "6455/5.1/client-frames-are-masked/close" ["6455-5.1-01"]
        => plain_close_fails;
    /// A continuation that is not masked fails the connection.
    Must "6455/5.1/client-frames-are-masked/continuation" ["6455-5.1-01"]
        => fails_as_is([
            Frame::text("fragment1").unfinished().masked(KEY),
            Frame::continuation("fragment2"),
        ]);

    /// No frame of a server is masked.
    Must "6455/5.1/server-frames-are-not-masked" ["6455-5.1-03"]
        => every_frame(
            |header| header.masking_key.is_none(),
            "frames without a masking key",
        );
    /// A server may speak as soon as the connection is open, or wait until it
    /// is spoken to.
    May "6455/5.1/server-may-speak-first" ["6455-5.1-04", "6455-5.5.2-03"]
        => who_speaks_first;
}

const KEY: MaskingKey = MaskingKey([0x12, 0x9c, 0x5e, 0xf1]);

async fn plain_close_fails(peer: &mut Peer) -> Verdict {
    let close = Frame::close(StatusCode::NORMAL_CLOSURE, "");
    peer.send_as_is(close).await?;
    not_as_a_close(&until_failed(peer, &[]).await?)
}

/// Holds if each frame of the server's, in a conversation that has a frame of
/// every kind, is as it should be.
pub(super) async fn every_frame(
    peer: &mut Peer,
    holds: fn(&Header) -> bool,
    expected: &str,
) -> Verdict {
    let conversation = conversation(peer).await;
    let headers: Vec<_> = peer.with_record(|record| {
        let frames = record.events().iter();
        frames
            .filter_map(|event| match &event.what {
                What::ReceivedFrame(frame) => Some(frame.header),
                _ => None,
            })
            .collect()
    });
    match headers.iter().find(|header| !holds(header)) {
        Some(header) => Err(Finding::violation(
            expected,
            format_args!(
                "{} fin={} rsv={:03b}, {} octets, masking key: {}",
                header.opcode,
                u8::from(header.fin),
                header.rsv,
                header.payload_length,
                match header.masking_key {
                    Some(_) => "present",
                    None => "none",
                },
            ),
        )),
        None => conversation.map_err(|finding| {
            Finding::Blocked(format!(
                "the conversation ended before its end: {}",
                finding.got()
            ))
        }),
    }
}

/// Makes the server send a frame of each kind that it has to send.
async fn conversation(peer: &mut Peer) -> Verdict {
    for frame in [Frame::text("text"), Frame::binary(vec![0; 126])] {
        peer.send(frame.clone()).await?;
        peer.expect(frame).await?;
    }
    peer.send(Frame::ping(vec![0xff; 125])).await?;
    peer.expect(Frame::pong(vec![0xff; 125])).await?;
    peer.send(Frame::close(StatusCode::NORMAL_CLOSURE, ""))
        .await?;
    peer.expect_close().await.map(drop)
}

async fn who_speaks_first(peer: &mut Peer) -> Verdict {
    let text = Frame::text("after you");
    peer.send(text.clone()).await?;
    let first = peer.next().await?;
    Err(Finding::Observed(match first == Incoming::from(text) {
        true => "the server waits until it is spoken to".to_owned(),
        false => format!("the server speaks first: {first}"),
    }))
}
