//! Lists of extensions, and RSV1 where compression was agreed.

use rfc6455::extension::{Extension, MalformedExtensions, extensions};
use rfc6455::handshake::Fields;
use rfc6455::{Frame, Rules, Sender, Violation};

fn parse(lines: &[&str]) -> Result<Vec<Extension>, MalformedExtensions> {
    let mut fields = Fields::default();
    for line in lines {
        let name = "sec-websocket-extensions".to_owned();
        fields.push(name, line.as_bytes().to_vec());
    }
    extensions(&fields)
}

#[test]
fn a_list_may_stand_on_several_lines_with_empty_elements() {
    let list = parse(&["a; x ;y=\"1\", ,b", "c ; z = 2"]).expect("a list");
    let parameter = |name: &str, value: Option<&str>| {
        (name.to_owned(), value.map(str::to_owned))
    };
    let expected = [
        ("a", vec![parameter("x", None), parameter("y", Some("1"))]),
        ("b", vec![]),
        ("c", vec![parameter("z", Some("2"))]),
    ];
    let expected = expected.map(|(name, parameters)| Extension {
        name: name.to_owned(),
        parameters,
    });
    assert_eq!(list, expected);
    assert_eq!(parse(&[]), Ok(Vec::new()));
}

#[test]
fn what_is_no_list_is_told_apart() {
    use MalformedExtensions as M;
    let cases = [
        (";x", M::Name(String::new())),
        ("a b", M::Name("a b".into())),
        ("a;", M::Parameter(String::new())),
        ("a; =1", M::Parameter(String::new())),
        ("a; x=", M::Value(String::new())),
        ("a; x=\"1", M::Value("\"1".into())),
        ("a; x=\"1 2\"", M::Value("1 2".into())),
    ];
    for (text, malformed) in cases {
        assert_eq!(parse(&[text]), Err(malformed), "{text:?}");
    }
}

/// What the rules say of frames, one after the other.
fn judge(
    rules: Rules,
    frames: impl IntoIterator<Item = Frame>,
) -> Result<(), Violation> {
    let mut rules = rules;
    frames.into_iter().try_for_each(|frame| {
        let header = frame.header();
        rules.header(&header)?;
        rules.payload(&frame.payload)?;
        rules.end(&header)
    })
}

#[test]
fn rsv1_says_that_a_message_is_compressed_where_that_was_agreed() {
    const RSV1: u8 = 0b100;
    let plain = || Rules::new(Sender::Server);
    let deflate = || plain().with_deflate();
    let not_utf8 = || Frame::text(vec![0xff]).with_rsv(RSV1);
    assert_eq!(
        judge(plain(), [not_utf8()]),
        Err(Violation::ReservedBits(RSV1))
    );
    let rest = Frame::continuation(vec![0xff]);
    let fragments = [not_utf8().unfinished(), rest.clone()];
    assert_eq!(judge(deflate(), fragments), Ok(()));
    // Behind a compressed message text is text again.
    let then_plain = [not_utf8(), Frame::text(vec![0xff])];
    assert_eq!(judge(deflate(), then_plain), Err(Violation::TextNotUtf8));
    let misplaced = [
        vec![Frame::ping("").with_rsv(RSV1)],
        vec![Frame::close_without_code().with_rsv(RSV1)],
        vec![not_utf8().unfinished(), rest.with_rsv(RSV1)],
    ];
    for frames in misplaced {
        let opcode = frames[frames.len() - 1].opcode;
        assert_eq!(
            judge(deflate(), frames),
            Err(Violation::CompressedBit(opcode))
        );
    }
    for rsv in [0b010, 0b001, 0b110, 0b111] {
        assert_eq!(
            judge(deflate(), [Frame::text("a").with_rsv(rsv)]),
            Err(Violation::ReservedBits(rsv))
        );
    }
}
