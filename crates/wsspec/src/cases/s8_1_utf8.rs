//! §8.1, handling of errors in UTF-8: text that is, and text that is not.

use rfc6455::{Frame, Header, LengthForm, MaskingKey, Opcode};

use super::{answer_to, fails, until_failed};
use crate::case::{cases, family};
use crate::dialer::{Dialer, Request};
use crate::peer::{Cut, Peer};
use crate::verdict::{Finding, Verdict};

cases! { Peer:
    /// An empty text is a text.
    Must "6455/8.1/text-is-echoed/empty" ["6455-5.6-01", "6455-8.1-04"] autobahn "6.1.1"
        => is_echoed(Cut::Together, [Frame::text("")], b"");
    /// A text with characters of two octets is echoed.
    Must "6455/8.1/text-is-echoed/latin" ["6455-5.6-01", "6455-8.1-04"] autobahn "6.2.1"
        => is_echoed(Cut::Together, [Frame::text(LATIN)], LATIN);
    /// A text may be cut between two characters.
    Must "6455/8.1/text-is-echoed/cut-between-characters" ["6455-5.4-05", "6455-5.6-02"] autobahn "6.2.2"
        => is_echoed(
            Cut::Together,
            [
                Frame::text(&LATIN[..15]).unfinished(),
                Frame::continuation(&LATIN[15..]),
            ],
            LATIN,
        );
    /// A text may be cut inside a character, after every octet.
    Must "6455/8.1/text-is-echoed/cut-everywhere-latin" ["6455-5.4-05", "6455-5.6-02"] autobahn "6.2.3"
        => octet_fragments_are_echoed(LATIN);
    /// A text may be cut inside a character, after every octet.
    Must "6455/8.1/text-is-echoed/cut-everywhere-greek" ["6455-5.4-05", "6455-5.6-02"] autobahn "6.2.4"
        => octet_fragments_are_echoed(GREEK);
    /// Octets that are not UTF-8 are echoed as binary as they came.
    Must "6455/8.1/text-is-echoed/not-utf8-as-binary" ["6455-6.2-03", "6455-5.6-03"]
        => is_echoed(Cut::Together, [Frame::binary(SURROGATE)], SURROGATE);

    /// Text that is not UTF-8 fails the connection, however long it is valid
    /// before.
    Must "6455/8.1/invalid-text-fails/surrogate-inside" ["6455-8.1-01"] autobahn "6.3.1"
        => fails(Cut::Together, [Frame::text(SURROGATE)]);
    /// Text that is not UTF-8 fails the connection, however it is cut.
    Must "6455/8.1/invalid-text-fails/surrogate-cut-everywhere" ["6455-8.1-01"] autobahn "6.3.2"
        => octet_fragments_fail(SURROGATE);

    /// Text that can no longer become UTF-8 fails the connection before the
    /// message is complete.
    Should "6455/8.1/invalid-text-fails-early/fragment" ["6455-8.1-02"] autobahn "6.4.1"
        => fragments_fail_early([GREEK, TOO_HIGH, b"edited"]);
    /// Text that can no longer become UTF-8 fails the connection before the
    /// message is complete, at the first octet that shows it.
    Should "6455/8.1/invalid-text-fails-early/fragment-inside-a-character" ["6455-8.1-02"] autobahn "6.4.2"
        => fragments_fail_early([GREEK_AND_F4, b"\x90", b"\x80\x80edited"]);
    /// Text that can no longer become UTF-8 fails the connection before the
    /// frame is complete.
    Should "6455/8.1/invalid-text-fails-early/frame" ["6455-8.1-02"] autobahn "6.4.3"
        => frame_fails_early([GREEK, TOO_HIGH, b"edited"]);
    /// Text that can no longer become UTF-8 fails the connection before the
    /// frame is complete, at the first octet that shows it.
    Should "6455/8.1/invalid-text-fails-early/frame-inside-a-character" ["6455-8.1-02"] autobahn "6.4.4"
        => frame_fails_early([GREEK_AND_F4, b"\x90", b"\x80\x80edited"]);
}

family! { VALID, Peer:
    /// Text that is UTF-8 is echoed, however odd.
    Must "6455/8.1/text-is-echoed/" ["6455-5.6-01", "6455-8.1-04"]
        => text_is_echoed;
    "plain-68656c6c6f24776f726c64" autobahn "6.5.1" (
        b"\x68\x65\x6c\x6c\x6f\x24\x77\x6f\x72\x6c\x64",
    );
    "plain-68656c6c6fc2a2776f726c64" autobahn "6.5.2" (
        b"\x68\x65\x6c\x6c\x6f\xc2\xa2\x77\x6f\x72\x6c\x64",
    );
    "plain-68656c6c6fe282ac776f726c64" autobahn "6.5.3" (
        b"\x68\x65\x6c\x6c\x6f\xe2\x82\xac\x77\x6f\x72\x6c\x64",
    );
    "plain-68656c6c6ff0a4ada2776f726c64" autobahn "6.5.4" (
        b"\x68\x65\x6c\x6c\x6f\xf0\xa4\xad\xa2\x77\x6f\x72\x6c\x64",
    );
    "plain-cebae1bdb9cf83cebcceb5" autobahn "6.5.5" (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    );
    "prefix-ceba" autobahn "6.6.2" (b"\xce\xba");
    "prefix-cebae1bdb9" autobahn "6.6.5" (b"\xce\xba\xe1\xbd\xb9");
    "prefix-cebae1bdb9cf83" autobahn "6.6.7" (b"\xce\xba\xe1\xbd\xb9\xcf\x83");
    "prefix-cebae1bdb9cf83cebc" autobahn "6.6.9" (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc",
    );
    "prefix-cebae1bdb9cf83cebcceb5" autobahn "6.6.11" (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
    );
    "smallest-00" autobahn "6.7.1" (b"\x00");
    "smallest-c280" autobahn "6.7.2" (b"\xc2\x80");
    "smallest-e0a080" autobahn "6.7.3" (b"\xe0\xa0\x80");
    "smallest-f0908080" autobahn "6.7.4" (b"\xf0\x90\x80\x80");
    "largest-7f" autobahn "6.9.1" (b"\x7f");
    "largest-dfbf" autobahn "6.9.2" (b"\xdf\xbf");
    "largest-efbfbf" autobahn "6.9.3" (b"\xef\xbf\xbf");
    "largest-f48fbfbf" autobahn "6.9.4" (b"\xf4\x8f\xbf\xbf");
    "boundary-ed9fbf" autobahn "6.11.1" (b"\xed\x9f\xbf");
    "boundary-ee8080" autobahn "6.11.2" (b"\xee\x80\x80");
    "boundary-efbfbd" autobahn "6.11.3" (b"\xef\xbf\xbd");
    "boundary-f48fbfbf" autobahn "6.11.4" (b"\xf4\x8f\xbf\xbf");
    "non-character-efbfbe" autobahn "6.22.1" (b"\xef\xbf\xbe");
    "non-character-efbfbf" autobahn "6.22.2" (b"\xef\xbf\xbf");
    "non-character-f09fbfbe" autobahn "6.22.3" (b"\xf0\x9f\xbf\xbe");
    "non-character-f09fbfbf" autobahn "6.22.4" (b"\xf0\x9f\xbf\xbf");
    "non-character-f0afbfbe" autobahn "6.22.5" (b"\xf0\xaf\xbf\xbe");
    "non-character-f0afbfbf" autobahn "6.22.6" (b"\xf0\xaf\xbf\xbf");
    "non-character-f0bfbfbe" autobahn "6.22.7" (b"\xf0\xbf\xbf\xbe");
    "non-character-f0bfbfbf" autobahn "6.22.8" (b"\xf0\xbf\xbf\xbf");
    "non-character-f18fbfbe" autobahn "6.22.9" (b"\xf1\x8f\xbf\xbe");
    "non-character-f18fbfbf" autobahn "6.22.10" (b"\xf1\x8f\xbf\xbf");
    "non-character-f19fbfbe" autobahn "6.22.11" (b"\xf1\x9f\xbf\xbe");
    "non-character-f19fbfbf" autobahn "6.22.12" (b"\xf1\x9f\xbf\xbf");
    "non-character-f1afbfbe" autobahn "6.22.13" (b"\xf1\xaf\xbf\xbe");
    "non-character-f1afbfbf" autobahn "6.22.14" (b"\xf1\xaf\xbf\xbf");
    "non-character-f1bfbfbe" autobahn "6.22.15" (b"\xf1\xbf\xbf\xbe");
    "non-character-f1bfbfbf" autobahn "6.22.16" (b"\xf1\xbf\xbf\xbf");
    "non-character-f28fbfbe" autobahn "6.22.17" (b"\xf2\x8f\xbf\xbe");
    "non-character-f28fbfbf" autobahn "6.22.18" (b"\xf2\x8f\xbf\xbf");
    "non-character-f29fbfbe" autobahn "6.22.19" (b"\xf2\x9f\xbf\xbe");
    "non-character-f29fbfbf" autobahn "6.22.20" (b"\xf2\x9f\xbf\xbf");
    "non-character-f2afbfbe" autobahn "6.22.21" (b"\xf2\xaf\xbf\xbe");
    "non-character-f2afbfbf" autobahn "6.22.22" (b"\xf2\xaf\xbf\xbf");
    "non-character-f2bfbfbe" autobahn "6.22.23" (b"\xf2\xbf\xbf\xbe");
    "non-character-f2bfbfbf" autobahn "6.22.24" (b"\xf2\xbf\xbf\xbf");
    "non-character-f38fbfbe" autobahn "6.22.25" (b"\xf3\x8f\xbf\xbe");
    "non-character-f38fbfbf" autobahn "6.22.26" (b"\xf3\x8f\xbf\xbf");
    "non-character-f39fbfbe" autobahn "6.22.27" (b"\xf3\x9f\xbf\xbe");
    "non-character-f39fbfbf" autobahn "6.22.28" (b"\xf3\x9f\xbf\xbf");
    "non-character-f3afbfbe" autobahn "6.22.29" (b"\xf3\xaf\xbf\xbe");
    "non-character-f3afbfbf" autobahn "6.22.30" (b"\xf3\xaf\xbf\xbf");
    "non-character-f3bfbfbe" autobahn "6.22.31" (b"\xf3\xbf\xbf\xbe");
    "non-character-f3bfbfbf" autobahn "6.22.32" (b"\xf3\xbf\xbf\xbf");
    "non-character-f48fbfbe" autobahn "6.22.33" (b"\xf4\x8f\xbf\xbe");
    "non-character-f48fbfbf" autobahn "6.22.34" (b"\xf4\x8f\xbf\xbf");
    "odd-byte-order-mark" (b"\xef\xbb\xbf");
    "odd-bidirectional" (b"\xe2\x80\xaeabc\xe2\x81\xa6");
    "odd-line-separator" (b"a\xe2\x80\xa8b\xe2\x80\xa9");
    "odd-controls" (b"\x01\x07\x08\x1b[31m\x7f\xc2\x85");
    "special-efbfb9" autobahn "6.23.1" (b"\xef\xbf\xb9");
    "special-efbfba" autobahn "6.23.2" (b"\xef\xbf\xba");
    "special-efbfbb" autobahn "6.23.3" (b"\xef\xbf\xbb");
    "special-efbfbc" autobahn "6.23.4" (b"\xef\xbf\xbc");
    "special-efbfbd" autobahn "6.23.5" (b"\xef\xbf\xbd");
    "special-efbfbe" autobahn "6.23.6" (b"\xef\xbf\xbe");
    "special-efbfbf" autobahn "6.23.7" (b"\xef\xbf\xbf");
}

family! { INVALID, Peer:
    /// Text that is not UTF-8 fails the connection.
    Must "6455/8.1/invalid-text-fails/" ["6455-8.1-01", "6455-5.6-01"]
        => invalid_text_fails;
    "prefix-ce" autobahn "6.6.1" (b"\xce");
    "prefix-cebae1" autobahn "6.6.3" (b"\xce\xba\xe1");
    "prefix-cebae1bd" autobahn "6.6.4" (b"\xce\xba\xe1\xbd");
    "prefix-cebae1bdb9cf" autobahn "6.6.6" (b"\xce\xba\xe1\xbd\xb9\xcf");
    "prefix-cebae1bdb9cf83ce" autobahn "6.6.8" (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce",
    );
    "prefix-cebae1bdb9cf83cebcce" autobahn "6.6.10" (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce",
    );
    "smallest-f888808080" autobahn "6.8.1" (b"\xf8\x88\x80\x80\x80");
    "smallest-fc8480808080" autobahn "6.8.2" (b"\xfc\x84\x80\x80\x80\x80");
    "largest-f7bfbfbf" autobahn "6.10.1" (b"\xf7\xbf\xbf\xbf");
    "largest-fbbfbfbfbf" autobahn "6.10.2" (b"\xfb\xbf\xbf\xbf\xbf");
    "largest-fdbfbfbfbfbf" autobahn "6.10.3" (b"\xfd\xbf\xbf\xbf\xbf\xbf");
    "boundary-f4908080" autobahn "6.11.5" (b"\xf4\x90\x80\x80");
    "continuation-80" autobahn "6.12.1" (b"\x80");
    "continuation-bf" autobahn "6.12.2" (b"\xbf");
    "continuation-80bf" autobahn "6.12.3" (b"\x80\xbf");
    "continuation-80bf80" autobahn "6.12.4" (b"\x80\xbf\x80");
    "continuation-80bf80bf" autobahn "6.12.5" (b"\x80\xbf\x80\xbf");
    "continuation-80bf80bf80" autobahn "6.12.6" (b"\x80\xbf\x80\xbf\x80");
    "continuation-80bf80bf80bf" autobahn "6.12.7" (b"\x80\xbf\x80\xbf\x80\xbf");
    "cut-c0" autobahn "6.14.1" (b"\xc0");
    "cut-e080" autobahn "6.14.2" (b"\xe0\x80");
    "cut-f08080" autobahn "6.14.3" (b"\xf0\x80\x80");
    "cut-f8808080" autobahn "6.14.4" (b"\xf8\x80\x80\x80");
    "cut-fc80808080" autobahn "6.14.5" (b"\xfc\x80\x80\x80\x80");
    "cut-df" autobahn "6.14.6" (b"\xdf");
    "cut-efbf" autobahn "6.14.7" (b"\xef\xbf");
    "cut-f7bfbf" autobahn "6.14.8" (b"\xf7\xbf\xbf");
    "cut-fbbfbfbf" autobahn "6.14.9" (b"\xfb\xbf\xbf\xbf");
    "cut-fdbfbfbfbf" autobahn "6.14.10" (b"\xfd\xbf\xbf\xbf\xbf");
    "cut-all-of-cuts" autobahn "6.15.1" (
        b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\
          \xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf",
    );
    "never-fe" autobahn "6.16.1" (b"\xfe");
    "never-ff" autobahn "6.16.2" (b"\xff");
    "never-fefeffff" autobahn "6.16.3" (b"\xfe\xfe\xff\xff");
    "overlong-slash-c0af" autobahn "6.17.1" (b"\xc0\xaf");
    "overlong-slash-e080af" autobahn "6.17.2" (b"\xe0\x80\xaf");
    "overlong-slash-f08080af" autobahn "6.17.3" (b"\xf0\x80\x80\xaf");
    "overlong-slash-f8808080af" autobahn "6.17.4" (b"\xf8\x80\x80\x80\xaf");
    "overlong-slash-fc80808080af" autobahn "6.17.5" (
        b"\xfc\x80\x80\x80\x80\xaf",
    );
    "overlong-c1bf" autobahn "6.18.1" (b"\xc1\xbf");
    "overlong-e09fbf" autobahn "6.18.2" (b"\xe0\x9f\xbf");
    "overlong-f08fbfbf" autobahn "6.18.3" (b"\xf0\x8f\xbf\xbf");
    "overlong-f887bfbfbf" autobahn "6.18.4" (b"\xf8\x87\xbf\xbf\xbf");
    "overlong-fc83bfbfbfbf" autobahn "6.18.5" (b"\xfc\x83\xbf\xbf\xbf\xbf");
    "overlong-nul-c080" autobahn "6.19.1" (b"\xc0\x80");
    "overlong-nul-e08080" autobahn "6.19.2" (b"\xe0\x80\x80");
    "overlong-nul-f0808080" autobahn "6.19.3" (b"\xf0\x80\x80\x80");
    "overlong-nul-f880808080" autobahn "6.19.4" (b"\xf8\x80\x80\x80\x80");
    "overlong-nul-fc8080808080" autobahn "6.19.5" (b"\xfc\x80\x80\x80\x80\x80");
    "surrogate-eda080" autobahn "6.20.1" (b"\xed\xa0\x80");
    "surrogate-edadbf" autobahn "6.20.2" (b"\xed\xad\xbf");
    "surrogate-edae80" autobahn "6.20.3" (b"\xed\xae\x80");
    "surrogate-edafbf" autobahn "6.20.4" (b"\xed\xaf\xbf");
    "surrogate-edb080" autobahn "6.20.5" (b"\xed\xb0\x80");
    "surrogate-edbe80" autobahn "6.20.6" (b"\xed\xbe\x80");
    "surrogate-edbfbf" autobahn "6.20.7" (b"\xed\xbf\xbf");
    "surrogates-eda080edb080" autobahn "6.21.1" (b"\xed\xa0\x80\xed\xb0\x80");
    "surrogates-eda080edbfbf" autobahn "6.21.2" (b"\xed\xa0\x80\xed\xbf\xbf");
    "surrogates-edadbfedb080" autobahn "6.21.3" (b"\xed\xad\xbf\xed\xb0\x80");
    "surrogates-edadbfedbfbf" autobahn "6.21.4" (b"\xed\xad\xbf\xed\xbf\xbf");
    "surrogates-edae80edb080" autobahn "6.21.5" (b"\xed\xae\x80\xed\xb0\x80");
    "surrogates-edae80edbfbf" autobahn "6.21.6" (b"\xed\xae\x80\xed\xbf\xbf");
    "surrogates-edafbfedb080" autobahn "6.21.7" (b"\xed\xaf\xbf\xed\xb0\x80");
    "surrogates-edafbfedbfbf" autobahn "6.21.8" (b"\xed\xaf\xbf\xed\xbf\xbf");
    "continuation-80-to-be" autobahn "6.12.8" (
        b"\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\
          \x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98\x99\x9a\x9b\x9c\x9d\
          \x9e\x9f\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\
          \xad\xae\xaf\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\
          \xbc\xbd\xbe",
    );
    "lead-c0-to-de" autobahn "6.13.1" (
        b"\xc0\x20\xc1\x20\xc2\x20\xc3\x20\xc4\x20\xc5\x20\xc6\x20\xc7\
          \x20\xc8\x20\xc9\x20\xca\x20\xcb\x20\xcc\x20\xcd\x20\xce\x20\
          \xcf\x20\xd0\x20\xd1\x20\xd2\x20\xd3\x20\xd4\x20\xd5\x20\xd6\
          \x20\xd7\x20\xd8\x20\xd9\x20\xda\x20\xdb\x20\xdc\x20\xdd\x20\
          \xde\x20",
    );
    "lead-e0-to-ee" autobahn "6.13.2" (
        b"\xe0\x20\xe1\x20\xe2\x20\xe3\x20\xe4\x20\xe5\x20\xe6\x20\xe7\
          \x20\xe8\x20\xe9\x20\xea\x20\xeb\x20\xec\x20\xed\x20\xee\x20",
    );
    "lead-f0-to-f6" autobahn "6.13.3" (
        b"\xf0\x20\xf1\x20\xf2\x20\xf3\x20\xf4\x20\xf5\x20\xf6\x20",
    );
    "lead-f8-to-fa" autobahn "6.13.4" (b"\xf8\x20\xf9\x20\xfa\x20");
    "lead-fc" autobahn "6.13.5" (b"\xfc\x20");
}

family! { HEAD, Dialer:
    /// Octets that are not UTF-8 in a request are opaque or an error of the
    /// client's; either way there is an answer that says so.
    Should "6455/8.1/request-may-hold-any-octet/"
        ["6455-8.1-03", "6455-10.7-04"] => is_answered;

    "target" (|it| it.query(b"\x80\xff\xed\xa0\x80"));
    "unknown-field" (|it| it.add("X-Name", b"\x80\xff"));
    "subprotocol" (|it| it.add("Sec-WebSocket-Protocol", b"\xc3\x28"));
    "origin" (|it| it.add("Origin", b"http://\xff.example"));
}

/// "Hello-µ@ßöäüàá-UTF-8!!"
const LATIN: &[u8] = b"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\
    \xc3\xa1-UTF-8!!";

/// "κόσμε"
const GREEK: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";

/// The same and the first octet of a character above U+100000.
const GREEK_AND_F4: &[u8] = b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4";

/// What would be U+110000, one above the last code point.
const TOO_HIGH: &[u8] = b"\xf4\x90\x80\x80";

/// A surrogate between "κόσμε" and "edited".
const SURROGATE: &[u8] = super::s5_5_control_frames::NOT_UTF8;

async fn is_echoed<const N: usize>(
    peer: &mut Peer,
    cut: Cut,
    frames: [Frame; N],
    payload: &'static [u8],
) -> Verdict {
    let opcode = frames[0].opcode;
    peer.send_cut(cut, frames).await?;
    peer.expect(Frame::new(opcode, payload)).await
}

async fn text_is_echoed<const N: usize>(
    peer: &mut Peer,
    text: &'static [u8; N],
) -> Verdict {
    peer.send(Frame::text(&text[..])).await?;
    peer.expect(Frame::text(&text[..])).await
}

async fn invalid_text_fails<const N: usize>(
    peer: &mut Peer,
    octets: &'static [u8; N],
) -> Verdict {
    fails(peer, Cut::Together, [Frame::text(&octets[..])]).await
}

/// A fragment for each octet, and an empty one that ends the message.
fn octet_fragments(text: &'static [u8]) -> impl Iterator<Item = Frame> {
    let fragments = text
        .chunks(1)
        .enumerate()
        .map(|(n, octet)| match n {
            0 => Frame::text(octet).unfinished(),
            _ => Frame::continuation(octet).unfinished(),
        });
    fragments.chain([Frame::continuation("")])
}

async fn octet_fragments_are_echoed(
    peer: &mut Peer,
    text: &'static [u8],
) -> Verdict {
    peer.send_cut(Cut::Together, octet_fragments(text))
        .await?;
    peer.expect(Frame::text(text)).await
}

async fn octet_fragments_fail(
    peer: &mut Peer,
    octets: &'static [u8],
) -> Verdict {
    peer.send_cut(Cut::Together, octet_fragments(octets))
        .await?;
    until_failed(peer, &[]).await.map(drop)
}

async fn fragments_fail_early(
    peer: &mut Peer,
    [valid, fatal, rest]: [&'static [u8]; 3],
) -> Verdict {
    peer.send(Frame::text(valid).unfinished()).await?;
    still_fine(peer, 'A').await?;
    peer.send(Frame::continuation(fatal).unfinished())
        .await?;
    if has_failed(peer, 'B').await? {
        return Ok(());
    }
    peer.send(Frame::continuation(rest)).await?;
    late(peer).await
}

/// The same inside one frame that announces everything.
async fn frame_fails_early(
    peer: &mut Peer,
    [valid, fatal, rest]: [&'static [u8]; 3],
) -> Verdict {
    let key = MaskingKey([0x41, 0x8d, 0x02, 0xe7]);
    let mut octets = Vec::new();
    let length = (valid.len() + fatal.len() + rest.len()) as u64;
    Header {
        fin: false,
        rsv: 0,
        opcode: Opcode::TEXT,
        masking_key: Some(key),
        length_form: LengthForm::shortest(length),
        payload_length: length,
    }
    .encode(&mut octets);
    let mut offset = 0;
    let mut masked = |part: &[u8]| {
        let mut part = part.to_vec();
        key.apply_from(offset, &mut part);
        offset += part.len() as u64;
        part
    };
    octets.extend(masked(valid));
    peer.send_octets(&octets).await?;
    still_fine(peer, 'A').await?;
    peer.send_octets(&masked(fatal)).await?;
    if has_failed(peer, 'B').await? {
        return Ok(());
    }
    peer.send_octets(&masked(rest)).await?;
    peer.send(Frame::continuation("")).await?;
    late(peer).await
}

/// Holds if the server has taken no offence at what is still valid.
async fn still_fine(peer: &mut Peer, mark: char) -> Verdict {
    match peer.acts_soon().await? {
        None => {
            peer.mark(mark);
            Ok(())
        }
        Some(got) => Err(Finding::violation(
            "patience with a text that is valid so far",
            got,
        )),
    }
}

/// Whether the server fails the connection now.
async fn has_failed(peer: &mut Peer, mark: char) -> Result<bool, Finding> {
    match peer.acts_soon().await? {
        None => {
            peer.mark(mark);
            Ok(false)
        }
        Some(_) => Ok(true),
    }
}

async fn late(peer: &mut Peer) -> Verdict {
    until_failed(peer, &[]).await?;
    Err(Finding::violation(
        "the connection to fail at the first octet that can't be UTF-8",
        "it fails only when more has come",
    ))
}

async fn is_answered(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    let answer = answer_to(dialer, change).await?;
    match answer.head()?.status {
        0..500 => Ok(()),
        _ => Err(Finding::violation("a 101, or a status 4xx", answer.reply())),
    }
}
