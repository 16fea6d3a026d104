//! §5.2, the base framing: reserved bits, reserved opcodes, lengths.

use rfc6455::{Frame, Header, LengthForm, MaskingKey, Opcode, StatusCode};

use super::s5_1_overview::every_frame;
use super::s5_5_control_frames::close_fails;
use super::{fails, fails_after, until_failed};
use crate::case::{cases, family};
use crate::peer::{Cut, Peer};
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// A text frame with RSV3 fails the connection.
    Must "6455/5.2/reserved-bits-fail/text-rsv3" ["6455-5.2-01", "6455-5.8-01"] autobahn "3.1"
        => fails(Cut::Together, [hello().with_rsv(1)]);
    /// A text frame with RSV2 fails the connection, also behind a message.
    Must "6455/5.2/reserved-bits-fail/text-rsv2" ["6455-5.2-01", "6455-5.8-01"] autobahn "3.2"
        => fails_after(
            Cut::Together,
            [hello(), hello().with_rsv(2), Frame::ping("")],
            [hello()],
        );
    /// A text frame with RSV2 and RSV3 fails the connection, also in a
    /// segment of its own.
    Must "6455/5.2/reserved-bits-fail/text-rsv23" ["6455-5.2-01", "6455-5.8-01"] autobahn "3.3"
        => fails_after(
            Cut::Apart,
            [hello(), hello().with_rsv(3), Frame::ping("")],
            [hello()],
        );
    /// A text frame with RSV1 fails the connection, also octet by octet.
    Must "6455/5.2/reserved-bits-fail/text-rsv1" ["6455-5.2-01", "6455-5.8-01"] autobahn "3.4"
        => fails_after(
            Cut::Octets(1),
            [hello(), hello().with_rsv(4), Frame::ping("")],
            [hello()],
        );
    /// A binary frame with RSV1 and RSV3 fails the connection.
    Must "6455/5.2/reserved-bits-fail/binary-rsv13" ["6455-5.2-01", "6455-5.8-01"] autobahn "3.5"
        => fails(
            Cut::Together,
            [Frame::binary(&b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"[..]).with_rsv(5)],
        );
    /// A binary frame with RSV1 and RSV2 fails the connection.
    Must "6455/5.2/reserved-bits-fail/binary-rsv12" ["6455-5.2-01", "6455-5.8-01"] autobahn "3.6"
        => fails(Cut::Together, [Frame::binary("Hello, world!").with_rsv(6)]);
    /// A Close with all reserved bits fails the connection and is not
    /// answered in kind.
    Must "6455/5.2/reserved-bits-fail/close-rsv123" ["6455-5.2-01", "6455-5.8-01"] autobahn "3.7"
        => close_fails(Frame::close_without_code().with_rsv(7));
    /// A Close with a code and RSV1 is not answered in kind.
    Must "6455/5.2/reserved-bits-fail/close-rsv1" ["6455-5.2-01", "6455-5.8-01"]
        => close_fails(
            Frame::close(StatusCode::NORMAL_CLOSURE, "").with_rsv(4),
        );
    /// A Ping with RSV1 fails the connection.
    Must "6455/5.2/reserved-bits-fail/ping-rsv1" ["6455-5.2-01", "6455-5.8-01"]
        => fails(Cut::Together, [Frame::ping("").with_rsv(4)]);
    /// A Pong with RSV1 fails the connection.
    Must "6455/5.2/reserved-bits-fail/pong-rsv1" ["6455-5.2-01", "6455-5.8-01"]
        => fails(Cut::Together, [Frame::pong("").with_rsv(4), Frame::text("")]);
    /// A Pong with RSV2 and RSV3 fails the connection.
    Must "6455/5.2/reserved-bits-fail/pong-rsv23" ["6455-5.2-01", "6455-5.8-01"]
        => fails(Cut::Together, [Frame::pong("").with_rsv(3), Frame::text("")]);
    /// A continuation with RSV1 fails the connection.
    Must "6455/5.2/reserved-bits-fail/continuation-rsv1" ["6455-5.2-01", "6455-5.8-01"]
        => fails(
            Cut::Together,
            [
                Frame::text("fragment1").unfinished(),
                Frame::continuation("fragment2").with_rsv(4),
            ],
        );

    /// A reserved data opcode fails the connection: 3.
    Must "6455/5.2/reserved-opcode-fails/3" ["6455-5.2-03"] autobahn "4.1.1"
        => fails(Cut::Together, [reserved(3, "")]);
    /// A reserved data opcode fails the connection: 4, with a payload.
    Must "6455/5.2/reserved-opcode-fails/4" ["6455-5.2-03"] autobahn "4.1.2"
        => fails(Cut::Together, [reserved(4, "reserved opcode payload")]);
    /// A reserved data opcode fails the connection: 5, behind a message.
    Must "6455/5.2/reserved-opcode-fails/5" ["6455-5.2-03"] autobahn "4.1.3"
        => fails_after(
            Cut::Together,
            [hello(), reserved(5, ""), Frame::ping("")],
            [hello()],
        );
    /// A reserved data opcode fails the connection: 6, behind a message.
    Must "6455/5.2/reserved-opcode-fails/6" ["6455-5.2-03"] autobahn "4.1.4"
        => fails_after(
            Cut::Together,
            [hello(), reserved(6, "Hello, world!"), Frame::ping("")],
            [hello()],
        );
    /// A reserved data opcode fails the connection: 7, octet by octet.
    Must "6455/5.2/reserved-opcode-fails/7" ["6455-5.2-03"] autobahn "4.1.5"
        => fails_after(
            Cut::Octets(1),
            [hello(), reserved(7, "Hello, world!"), Frame::ping("")],
            [hello()],
        );
    /// A reserved control opcode fails the connection: B.
    Must "6455/5.2/reserved-opcode-fails/b" ["6455-5.2-03"] autobahn "4.2.1"
        => fails(Cut::Together, [reserved(11, "")]);
    /// A reserved control opcode fails the connection: C, with a payload.
    Must "6455/5.2/reserved-opcode-fails/c" ["6455-5.2-03"] autobahn "4.2.2"
        => fails(Cut::Together, [reserved(12, "reserved opcode payload")]);
    /// A reserved control opcode fails the connection: D, behind a message.
    Must "6455/5.2/reserved-opcode-fails/d" ["6455-5.2-03"] autobahn "4.2.3"
        => fails_after(
            Cut::Together,
            [hello(), reserved(13, ""), Frame::ping("")],
            [hello()],
        );
    /// A reserved control opcode fails the connection: E, behind a message.
    Must "6455/5.2/reserved-opcode-fails/e" ["6455-5.2-03"] autobahn "4.2.4"
        => fails_after(
            Cut::Together,
            [hello(), reserved(14, "Hello, world!"), Frame::ping("")],
            [hello()],
        );
    /// A reserved control opcode fails the connection: F, octet by octet.
    Must "6455/5.2/reserved-opcode-fails/f" ["6455-5.2-03"] autobahn "4.2.5"
        => fails_after(
            Cut::Octets(1),
            [hello(), reserved(15, "Hello, world!"), Frame::ping("")],
            [hello()],
        );

    /// A text of 65,536 octets that comes in pieces is echoed.
    Must "6455/5.2/any-length-is-echoed/text-65536-in-pieces" ["6455-5.2-08", "6455-5.4-09"] autobahn "1.1.8"
        => is_echoed(Cut::Octets(997), Opcode::TEXT, b'*', 65536);
    /// A binary message of 65,536 octets that comes in pieces is echoed.
    Must "6455/5.2/any-length-is-echoed/binary-65536-in-pieces" ["6455-5.2-08", "6455-5.4-09"] autobahn "1.2.8"
        => is_echoed(Cut::Octets(997), Opcode::BINARY, 0xfe, 65536);

    /// The reserved bits of a server's frames are zero.
    Must "6455/5.2/server-bits-are-zero" ["6455-5.2-02"]
        => every_frame(
            |header| header.rsv == 0,
            "frames whose reserved bits are zero",
        );

    /// A 64-bit length with its highest bit set fails the connection before
    /// any payload comes.
    Must "6455/5.2/length-top-bit-fails/alone" ["6455-5.2-04"]
        => announced_fails(1 << 63);
    /// A 64-bit length of ones fails the connection before any payload comes.
    Must "6455/5.2/length-top-bit-fails/all-bits" ["6455-5.2-04"]
        => announced_fails(u64::MAX);
}

family! { UNFINISHED, Peer:
    /// A reserved opcode fails the connection, also in a first fragment.
    Must "6455/5.2/reserved-opcode-fails/unfinished-" ["6455-5.2-03"]
        => unfinished_reserved_fails;
    "3" (3);
    "4" (4);
    "5" (5);
    "6" (6);
    "7" (7);
    "b" (11);
    "c" (12);
    "d" (13);
    "e" (14);
    "f" (15);
}

family! { TEXT_LENGTHS, Peer:
    /// A text of any length is echoed, in frames with the shortest length.
    Must "6455/5.2/any-length-is-echoed/text-" ["6455-5.2-05", "6455-5.2-07", "6455-5.2-08", "6455-5.2-09", "6455-5.3-02", "6455-6.1-02", "6455-6.1-03", "6455-6.1-04", "6455-6.1-05", "6455-6.2-01"]
        => text_is_echoed;
    "0" autobahn "1.1.1" (0);
    "125" autobahn "1.1.2" (125);
    "126" autobahn "1.1.3" (126);
    "127" autobahn "1.1.4" (127);
    "128" autobahn "1.1.5" (128);
    "65535" autobahn "1.1.6" (65535);
    "65536" autobahn "1.1.7" (65536);
}

family! { BINARY_LENGTHS, Peer:
    /// A binary message of any length is echoed, in frames with the shortest
    /// length.
    Must "6455/5.2/any-length-is-echoed/binary-" ["6455-5.2-05", "6455-5.2-07", "6455-5.2-08", "6455-5.2-09", "6455-5.3-02", "6455-6.1-02", "6455-6.1-03", "6455-6.1-04", "6455-6.1-05", "6455-6.2-01"]
        => binary_is_echoed;
    "0" autobahn "1.2.1" (0);
    "125" autobahn "1.2.2" (125);
    "126" autobahn "1.2.3" (126);
    "127" autobahn "1.2.4" (127);
    "128" autobahn "1.2.5" (128);
    "65535" autobahn "1.2.6" (65535);
    "65536" autobahn "1.2.7" (65536);
}

family! { LONGER_FORMS, Peer:
    /// A length that is written in more octets than it needs fails the
    /// connection.
    Should "6455/5.2/longer-length-form-fails/" ["6455-5.2-06"]
        => longer_form_fails;
    "0-in-16-bits" (0, LengthForm::Bits16);
    "5-in-16-bits" (5, LengthForm::Bits16);
    "125-in-16-bits" (125, LengthForm::Bits16);
    "5-in-64-bits" (5, LengthForm::Bits64);
    "300-in-64-bits" (300, LengthForm::Bits64);
}

fn hello() -> Frame {
    Frame::text("Hello, world!")
}

fn reserved(bits: u8, payload: &'static str) -> Frame {
    let opcode = Opcode::from_first_octet(bits);
    Frame::new(opcode, payload)
}

async fn unfinished_reserved_fails(peer: &mut Peer, bits: u8) -> Verdict {
    let frames = [reserved(bits, "fragment1").unfinished(), Frame::text("")];
    fails(peer, Cut::Together, frames).await
}

async fn is_echoed(
    peer: &mut Peer,
    cut: Cut,
    opcode: Opcode,
    octet: u8,
    length: usize,
) -> Verdict {
    let message = Frame::new(opcode, vec![octet; length]);
    peer.send_cut(cut, [message.clone()]).await?;
    peer.expect(message).await
}

async fn text_is_echoed(peer: &mut Peer, length: usize) -> Verdict {
    is_echoed(peer, Cut::Together, Opcode::TEXT, b'*', length).await
}

async fn binary_is_echoed(peer: &mut Peer, length: usize) -> Verdict {
    is_echoed(peer, Cut::Together, Opcode::BINARY, 0xfe, length).await
}

async fn longer_form_fails(
    peer: &mut Peer,
    length: usize,
    form: LengthForm,
) -> Verdict {
    let frame = Frame::binary(vec![b'*'; length]).with_length_form(form);
    fails(peer, Cut::Together, [frame]).await
}

/// Sends a header that announces so much, and no octet of it.
async fn announced_fails(peer: &mut Peer, length: u64) -> Verdict {
    let mut octets = Vec::new();
    Header {
        masking_key: Some(MaskingKey([7, 7, 7, 7])),
        length_form: LengthForm::Bits64,
        payload_length: length,
        ..Frame::binary("").header()
    }
    .encode(&mut octets);
    peer.send_octets(&octets).await?;
    match until_failed(peer, &[]).await {
        Ok(_) => Ok(()),
        Err(Finding::Violation { got, .. }) => Err(Finding::violation(
            "the end of the connection, without waiting for the payload",
            got,
        )),
        Err(finding) => Err(finding),
    }
}
