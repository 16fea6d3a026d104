//! §4.2.1, reading the client's opening handshake: what a server has to
//! refuse, and what it may not.

use rfc6455::{Frame, MaskingKey};

use super::answer_to;
use crate::case::{cases, family};
use crate::dialer::{Dialer, Reply, Request};
use crate::verdict::{Finding, Verdict};

cases! { Dialer:
    /// A request whose method is not GET is refused.
    Must "6455/4.2.1/method-is-get/post" ["6455-4.2.1-02"]
        => is_refused(|it| it.method("POST").add("Content-Length", "0"));
    /// A request whose method is not GET is refused.
    Must "6455/4.2.1/method-is-get/put" ["6455-4.2.1-02"]
        => is_refused(|it| it.method("PUT").add("Content-Length", "0"));
    /// A request whose method is not GET is refused.
    Must "6455/4.2.1/method-is-get/head" ["6455-4.2.1-02"]
        => is_refused(|it| it.method("HEAD"));
    /// A request whose method is not GET is refused.
    Must "6455/4.2.1/method-is-get/options" ["6455-4.2.1-02"]
        => is_not_switched(|it| it.method("OPTIONS"));
    /// Methods are compared with case: `get` is not GET.
    Must "6455/4.2.1/method-is-get/lower-case" ["6455-4.2.1-02"]
        => is_refused(|it| it.method("get"));
    /// A request whose method is not GET is refused.
    Must "6455/4.2.1/method-is-get/connect" ["6455-4.2.1-02"]
        => is_not_switched(|it| it.method("CONNECT"));

    /// A request with an HTTP version below 1.1 is refused.
    Must "6455/4.2.1/http-version-is-1.1" ["6455-4.2.1-03", "9110-7.8-07"]
        => is_not_switched(|it| it.version("HTTP/1.0"));

    /// An absolute target that names the resource is as good as its path.
    Must "6455/4.2.1/target-names-the-resource/absolute" ["6455-4.2.1-04"]
        => is_accepted(|it| it.absolute_target());
    /// A query belongs to the target.
    Should "6455/4.2.1/target-names-the-resource/query" ["6455-4.2.1-04"]
        => is_accepted(|it| it.query("a=b&c=%2Fd"));

    /// A request without Host is refused.
    Must "6455/4.2.1/host-is-present/missing" ["6455-4.2.1-05", "9112-3.2-01"]
        => is_refused(|it| it.without("Host"));
    /// A request with two Host fields is refused.
    Must "6455/4.2.1/host-is-present/twice" ["6455-4.2.1-05", "9112-3.2-01"]
        => is_refused(|it| it.add("Host", "other.example"));

    /// `websocket` in Upgrade is compared without case.
    Must "6455/4.2.1/upgrade-in-any-case/upper" ["6455-4.2.1-06", "9110-7.8-04"]
        => is_accepted(|it| it.set("Upgrade", "WEBSOCKET"));
    /// `websocket` in Upgrade is compared without case.
    Must "6455/4.2.1/upgrade-in-any-case/title" ["6455-4.2.1-06", "9110-7.8-04"]
        => is_accepted(|it| it.set("Upgrade", "WebSocket"));
    /// `websocket` in Upgrade is compared without case.
    Must "6455/4.2.1/upgrade-in-any-case/mixed" ["6455-4.2.1-06", "9110-7.8-04"]
        => is_accepted(|it| it.set("Upgrade", "wEbSoCkEt"));
    /// A request without Upgrade is not switched.
    Must "6455/4.2.1/upgrade-is-websocket/missing" ["6455-4.2.1-06"]
        => is_not_switched(|it| it.without("Upgrade"));
    /// A longer word that begins with `websocket` is another protocol.
    Must "6455/4.2.1/upgrade-is-websocket/longer" ["6455-4.2.1-06"]
        => is_not_switched(|it| it.set("Upgrade", "websocketx"));
    /// A longer word that ends with `websocket` is another protocol.
    Must "6455/4.2.1/upgrade-is-websocket/prefixed" ["6455-4.2.1-06"]
        => is_not_switched(|it| it.set("Upgrade", "xwebsocket"));
    /// Two words are not the token `websocket`.
    Must "6455/4.2.1/upgrade-is-websocket/two-words" ["6455-4.2.1-06"]
        => is_not_switched(|it| it.set("Upgrade", "web socket"));
    /// A switch to a protocol that the request does not name is no switch to
    /// WebSocket.
    Must "6455/4.2.1/upgrade-is-websocket/another" ["6455-4.2.1-06", "9110-7.8-03"]
        => is_not_switched(|it| it.set("Upgrade", "example/1"));
    /// `websocket` may be one of several protocols in Upgrade.
    Should "6455/4.2.1/upgrade-is-a-list" ["6455-4.2.1-07"]
        => is_accepted(|it| it.set("Upgrade", "example/1, websocket"));

    /// `Upgrade` in Connection is compared without case.
    Must "6455/4.2.1/connection-in-any-case/lower" ["6455-4.2.1-08", "9110-7.6.1-01"]
        => is_accepted(|it| it.set("Connection", "upgrade"));
    /// `Upgrade` in Connection is compared without case.
    Must "6455/4.2.1/connection-in-any-case/upper" ["6455-4.2.1-08", "9110-7.6.1-01"]
        => is_accepted(|it| it.set("Connection", "UPGRADE"));
    /// `Upgrade` may be one of several elements of Connection.
    Must "6455/4.2.1/connection-is-a-list/last" ["6455-4.2.1-08"]
        => is_accepted(|it| it.set("Connection", "keep-alive, Upgrade"));
    /// `Upgrade` may be one of several elements of Connection.
    Must "6455/4.2.1/connection-is-a-list/first" ["6455-4.2.1-08"]
        => is_accepted(|it| it.set("Connection", "Upgrade,keep-alive"));
    /// Several Connection lines are one list.
    Should "6455/4.2.1/connection-on-two-lines" ["6455-4.2.1-09", "9110-5.3-01"]
        => is_accepted(|it| {
            it.set("Connection", "keep-alive").add("Connection", "Upgrade")
        });
    /// A request without Connection is not switched.
    Must "6455/4.2.1/connection-has-upgrade/missing" ["6455-4.2.1-08"]
        => is_not_switched(|it| it.without("Connection"));
    /// Upgrade without the matching Connection option is ignored.
    Must "6455/4.2.1/connection-has-upgrade/keep-alive" ["6455-4.2.1-08", "9110-7.6.1-02"]
        => is_not_switched(|it| it.set("Connection", "keep-alive"));
    /// A longer word that ends with `upgrade` is another option.
    Must "6455/4.2.1/connection-has-upgrade/prefixed" ["6455-4.2.1-08"]
        => is_not_switched(|it| it.set("Connection", "notupgrade"));
    /// A longer word that begins with `upgrade` is another option.
    Must "6455/4.2.1/connection-has-upgrade/longer" ["6455-4.2.1-08"]
        => is_not_switched(|it| it.set("Connection", "upgrade2"));
    /// A longer word with `upgrade` behind a hyphen is another option.
    Must "6455/4.2.1/connection-has-upgrade/hyphened" ["6455-4.2.1-08"]
        => is_not_switched(|it| it.set("Connection", "x-upgrade"));
    /// Two words are not the option `Upgrade`.
    Must "6455/4.2.1/connection-has-upgrade/two-words" ["6455-4.2.1-08"]
        => is_not_switched(|it| it.set("Connection", "up grade"));

    /// A request without Sec-WebSocket-Key is refused.
    Must "6455/4.2.1/key-is-present/missing" ["6455-4.2.1-10"]
        => is_refused(|it| it.without("Sec-WebSocket-Key"));
    /// A request with an empty key is refused.
    Must "6455/4.2.1/key-is-present/empty" ["6455-4.2.1-10"]
        => is_refused(|it| it.set("Sec-WebSocket-Key", ""));
    /// A key has 16 octets before base64, not 15.
    Should "6455/4.2.1/key-has-16-octets/15" ["6455-4.2.1-10"]
        => is_refused(|it| it.set("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0O"));
    /// A key has 16 octets before base64, not 17.
    Should "6455/4.2.1/key-has-16-octets/17" ["6455-4.2.1-10"]
        => is_refused(|it| {
            it.set("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODxA=")
        });
    /// A key of the right length has 16 octets before base64, not 18.
    Should "6455/4.2.1/key-has-16-octets/18" ["6455-4.2.1-10"]
        => is_refused(|it| {
            it.set("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODxAR")
        });
    /// A key has 16 octets before base64, not 12,288.
    Should "6455/4.2.1/key-has-16-octets/12288" ["6455-4.2.1-10"]
        => is_refused(|it| {
            it.set("Sec-WebSocket-Key", "AAEC".repeat(4096))
        });
    /// A key is base64 in the alphabet of RFC 4648 §4.
    Must "6455/4.2.1/key-is-base64/bad-alphabet" ["6455-4.2.1-10"]
        => is_refused(|it| {
            it.set("Sec-WebSocket-Key", "AAECAwQFBgcICQoL!A0ODw==")
        });
    /// A key is base64 with its padding.
    Must "6455/4.2.1/key-is-base64/no-padding" ["6455-4.2.1-10"]
        => is_refused(|it| {
            it.set("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODw")
        });
    /// A request has one key.
    Must "6455/4.2.1/key-is-present/twice" ["6455-4.2.1-10"]
        => is_refused(|it| {
            it.add("Sec-WebSocket-Key", "AAECAwQFBgcICQoLDA0ODw==")
        });

    /// A request without Sec-WebSocket-Version is refused.
    Must "6455/4.2.1/version-is-13/missing" ["6455-4.2.1-11"]
        => is_refused(|it| it.without("Sec-WebSocket-Version"));
    /// A version that the server does not speak is refused.
    Must "6455/4.2.1/version-is-13/0" ["6455-4.2.1-11", "6455-4.2.2-07"]
        => is_refused_unless_spoken("0");
    /// A version that the server does not speak is refused.
    Must "6455/4.2.1/version-is-13/7" ["6455-4.2.1-11", "6455-4.2.2-07"]
        => is_refused_unless_spoken("7");
    /// A version that the server does not speak is refused.
    Must "6455/4.2.1/version-is-13/8" ["6455-4.2.1-11", "6455-4.2.2-07"]
        => is_refused_unless_spoken("8");
    /// A version that the server does not speak is refused.
    Must "6455/4.2.1/version-is-13/12" ["6455-4.2.1-11", "6455-4.2.2-07"]
        => is_refused_unless_spoken("12");
    /// A version other than 13 is refused.
    Must "6455/4.2.1/version-is-13/14" ["6455-4.2.1-11", "6455-4.2.2-07"]
        => is_refused(|it| it.set("Sec-WebSocket-Version", "14"));
    /// A version other than 13 is refused.
    Must "6455/4.2.1/version-is-13/255" ["6455-4.2.1-11", "6455-4.2.2-07"]
        => is_refused(|it| it.set("Sec-WebSocket-Version", "255"));
    /// A version is a number up to 255; what it is modulo 256 does not matter.
    Must "6455/4.2.1/version-is-13/269" ["6455-4.2.1-11", "6455-4.3-01"]
        => is_refused(|it| it.set("Sec-WebSocket-Version", "269"));
    /// A version has no leading zero.
    Must "6455/4.2.1/version-is-13/leading-zero" ["6455-4.2.1-11", "6455-4.3-01"]
        => is_refused(|it| it.set("Sec-WebSocket-Version", "013"));
    /// A version is a whole number.
    Must "6455/4.2.1/version-is-13/fraction" ["6455-4.2.1-11", "6455-4.3-01"]
        => is_refused(|it| it.set("Sec-WebSocket-Version", "13.0"));
    /// A request names one version.
    Must "6455/4.2.1/version-is-13/list" ["6455-4.2.1-11", "6455-4.3-01"]
        => is_refused(|it| it.set("Sec-WebSocket-Version", "13, 8"));
    /// A version is a number.
    Must "6455/4.2.1/version-is-13/text" ["6455-4.2.1-11", "6455-4.3-01"]
        => is_refused(|it| it.set("Sec-WebSocket-Version", "thirteen"));

    /// Behind a refusal the connection speaks HTTP: frames are not answered.
    Must "6455/4.2.1/no-frames-after-a-refusal" ["6455-4.2.1-01", "6455-4.2.2-06", "6455-7.2.2-01"]
        => no_frames;

    /// The order of the fields does not matter.
    Should "6455/4.2.1/fields-in-any-form/other-order" ["6455-4.2.1-15"]
        => is_accepted(|it| it.shuffled(str::to_owned));
    /// The names of fields are compared without case.
    Should "6455/4.2.1/fields-in-any-form/lower-case" ["6455-4.2.1-15"]
        => is_accepted(|it| it.shuffled(str::to_ascii_lowercase));
    /// The names of fields are compared without case.
    Should "6455/4.2.1/fields-in-any-form/upper-case" ["6455-4.2.1-15"]
        => is_accepted(|it| it.shuffled(str::to_ascii_uppercase));
    /// Fields that a server does not know are passed over.
    Should "6455/4.2.1/fields-in-any-form/unknown" ["6455-4.2.1-15"]
        => is_accepted(|it| {
            (0..20).fold(it, |it, n| it.add(&format!("X-Unknown-{n}"), "?"))
        });
}

family! { NOT_CHOSEN, Dialer:
    /// What is no list of subprotocols is refused, or at least no element of
    /// it that breaks the grammar is chosen.
    Must "6455/4.2.1/malformed-subprotocol-is-not-chosen/"
        ["6455-4.2.1-13", "6455-4.2.2-10"] => not_chosen;

    "empty" ("");
    "two-words" ("x-one x-two");
    "semicolon" ("x-one;x-two");
    "quoted" ("\"x-one\"");
    "tab" ("x-one\tx-two");
}

family! { MALFORMED, Dialer:
    /// A server that looks at the offer of subprotocols refuses one that is
    /// malformed; one that has none need not look.
    May "6455/4.2.1/malformed-subprotocols/"
        ["6455-4.2.1-13"] => what_becomes_of;

    "empty" ("Sec-WebSocket-Protocol", "");
    "two-words" ("Sec-WebSocket-Protocol", "x-one x-two");
    "semicolon" ("Sec-WebSocket-Protocol", "x-one;x-two");
    "quoted" ("Sec-WebSocket-Protocol", "\"x-one\"");
    "repeated" ("Sec-WebSocket-Protocol", "x-one, x-one");
}

family! { FITTING, Dialer:
    /// A refusal has a status that puts it down to the request: 4xx.
    Should "6455/10.7/refusal-has-a-fitting-status/" ["6455-10.7-04"]
        => status_fits;

    "method" (|it| it.method("POST").add("Content-Length", "0"));
    "version" (|it| it.set("Sec-WebSocket-Version", "14"));
    "key" (|it| it.without("Sec-WebSocket-Key"));
    "resource" (|it| it.target("/there-is-no-such-resource"));
}

/// Holds if the changed request is refused with an HTTP error status, by a
/// server that accepts it unchanged.
async fn is_refused(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    answer_to(dialer, change).await?.expect_refusal()
}

/// Holds if a draft's version is refused. A server may speak several (§4.4),
/// so that it switches is no violation, but worth telling.
async fn is_refused_unless_spoken(
    dialer: &mut Dialer,
    version: &'static str,
) -> Verdict {
    dialer.open().await?;
    let request = dialer
        .request()
        .set("Sec-WebSocket-Version", version);
    let answer = dialer.dial(request).await?;
    if answer.is_switch() {
        return Err(Finding::Observed(format!("version {version} is spoken")));
    }
    answer.expect_refusal()
}

/// Tells what becomes of a request with one more field.
pub(super) async fn what_becomes_of(
    dialer: &mut Dialer,
    name: &str,
    value: &'static str,
) -> Verdict {
    dialer.open().await?;
    let request = dialer.request().add(name, value);
    let answer = dialer.dial(request).await?;
    let reply = answer.reply();
    Err(Finding::Observed(format!("the answer is {reply}")))
}

/// Offers what is no list of subprotocols.
async fn not_chosen(dialer: &mut Dialer, offer: &'static str) -> Verdict {
    dialer.open().await?;
    let name = "Sec-WebSocket-Protocol";
    let request = dialer.request().add(name, offer);
    let answer = dialer.dial(request).await?;
    if !answer.is_switch() {
        return answer.expect_refusal();
    }
    match answer.head()?.fields.all(name).next() {
        None => Ok(()),
        Some(value) => Err(Finding::violation(
            format_args!("an HTTP error status, or no {name}"),
            format_args!("{name}: {}", String::from_utf8_lossy(value)),
        )),
    }
}

async fn status_fits(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    let answer = answer_to(dialer, change).await?;
    match answer.head()?.status {
        // That it is refused at all is another case's matter.
        101 | 400..500 => Ok(()),
        _ => Err(Finding::violation("a status 4xx", answer.reply())),
    }
}

/// Frames have no meaning behind a refusal. That they hold an empty line lets
/// a reader of HTTP come to an end.
async fn no_frames(dialer: &mut Dialer) -> Verdict {
    dialer.open().await?;
    let request = dialer
        .request()
        .set("Sec-WebSocket-Version", "14");
    let answer = dialer.dial(request).await?;
    answer.expect_refusal()?;
    let mut octets = Vec::new();
    for frame in [Frame::ping("\r\n\r\n"), Frame::text("\r\n\r\n")] {
        frame
            .masked(MaskingKey([0; 4]))
            .encode(&mut octets);
    }
    let answer = answer.send(&octets).await?;
    match answer.reply() {
        Reply::Head(head) if head.status != 101 => Ok(()),
        Reply::End(_) | Reply::Silence(_) => Ok(()),
        other => Err(Finding::violation(
            "an HTTP error status, the end, or nothing",
            other,
        )),
    }
}

/// Holds if the changed request is answered, but not with a switch: HTTP may
/// go on as if there had been no Upgrade.
async fn is_not_switched(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    let answer = answer_to(dialer, change).await?;
    match answer.head()?.status {
        101 => Err(Finding::violation("any answer but 101", answer.reply())),
        _ => Ok(()),
    }
}

/// Holds if the changed request still leads to a connection that echoes.
pub(super) async fn is_accepted(
    dialer: &mut Dialer,
    change: fn(Request) -> Request,
) -> Verdict {
    let answer = answer_to(dialer, change).await?;
    answer.into_peer()?.expect_nothing().await
}
