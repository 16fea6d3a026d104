//! The address of a server.

use wsspec::Url;
use wsspec::endpoint::BadUrl;

#[test]
fn a_url_is_taken_apart() {
    let url: Url = "ws://127.0.0.1:8080/ws?a=b"
        .parse()
        .expect("a URL");
    assert_eq!(url.authority(), "127.0.0.1:8080");
    assert_eq!(url.target(), "/ws?a=b");
    assert_eq!(url.to_string(), "ws://127.0.0.1:8080/ws?a=b");
    let url: Url = "wss://example.com/ws".parse().expect("a URL");
    assert_eq!(url.to_string(), "wss://example.com:443/ws");
    let url: Url = "ws://[::1]:9".parse().expect("a URL");
    assert_eq!(url.authority(), "[::1]:9");
    assert_eq!(url.target(), "/");
}

#[test]
fn rubbish_is_no_url() {
    let cases = [
        ("", BadUrl::Syntax(String::new())),
        ("127.0.0.1:8080", BadUrl::Syntax("127.0.0.1:8080".into())),
        ("http://a/ws", BadUrl::Scheme("http".into())),
        ("ws://", BadUrl::Syntax("ws://".into())),
        ("ws://:80/", BadUrl::Syntax("ws://:80/".into())),
    ];
    for (text, error) in cases {
        assert_eq!(text.parse::<Url>(), Err(error), "{text:?}");
    }
}
