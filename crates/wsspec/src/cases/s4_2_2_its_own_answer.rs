//! §4.2.2, an answer that belongs to its request: a subprotocol is found in
//! whatever form the offer has, and what an earlier request on the same
//! connection said plays no part.

use crate::case::{cases, family};
use crate::dialer::{Answer, Dialer, Reply, Request};
use crate::opener::Opener;
use crate::verdict::{Finding, Verdict};

const PROTOCOL: &str = "Sec-WebSocket-Protocol";
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

/// Names that no server speaks.
const UNKNOWN: [&str; 2] = ["x-nobody", "x-neither"];

family! { IN_ANY_FORM, Opener:
    /// A server that chooses a subprotocol when it is offered alone also
    /// chooses it in every other form of the offer.
    Should "6455/4.2.2/subprotocol-in-any-form/" ["6455-4.2.2-13", "9110-5.3-01"]
        seen "caliban #3045, civetweb #369, cpp-httplib #2542"
        => is_found;

    "first" (|it, known| it.add(PROTOCOL, format!("{known}, x-nobody")));
    "last" (|it, known| it.add(PROTOCOL, format!("x-nobody, {known}")));
    "middle" (|it, known| {
        it.add(PROTOCOL, format!("x-nobody, {known}, x-neither"))
    });
    "without-blanks" (|it, known| {
        it.add(PROTOCOL, format!("x-nobody,{known},x-neither"))
    });
    "tabs" (|it, known| {
        it.add(PROTOCOL, format!("x-nobody \t,\t{known} ,x-neither"))
    });
    "first-line" (|it, known| {
        it.add(PROTOCOL, known).add(PROTOCOL, "x-nobody")
    });
    "last-line" (|it, known| {
        it.add(PROTOCOL, "x-nobody").add(PROTOCOL, known)
    });
    "middle-line" (|it, known| {
        it.add(PROTOCOL, "x-nobody")
            .add(PROTOCOL, known)
            .add(PROTOCOL, "x-neither")
    });
    "no-blank-after-the-colon" (|it, known| {
        it.add(PROTOCOL, known).blanks("", "")
    });
}

family! { ONLY_IF_OFFERED, Opener:
    /// A subprotocol in the answer is, byte for byte, one of those that were
    /// offered: a name that only resembles the server's own is another name.
    Must "6455/4.2.2/subprotocol-only-if-offered/" ["6455-4.2.2-10", "6455-4.2.2-11"]
        => is_one_of_the_offered;

    "itself" (|known| known.to_owned());
    "longer" (|known| format!("{known}0"));
    "prefixed" (|known| format!("x{known}"));
    "hyphened" (|known| format!("x-{known}-x"));
    "shorter" (|known| {
        let mut shorter = known.to_owned();
        shorter.pop();
        shorter
    });
    "another-case" (|known| {
        let other = |it: char| match it.is_ascii_lowercase() {
            true => it.to_ascii_uppercase(),
            false => it.to_ascii_lowercase(),
        };
        known.chars().map(other).collect()
    });
}

cases! { Dialer:
    /// The accept value belongs to the key of the request that is answered,
    /// and not to that of an earlier one on the connection.
    Must "6455/4.2.2/answer-is-for-its-own-request/key" ["6455-4.2.2-20"]
        => answered_after(|it, _| it, |answer| answer.into_peer().map(drop));
    /// No subprotocol is chosen that only an earlier request on the connection
    /// offered.
    Must "6455/4.2.2/answer-is-for-its-own-request/subprotocol" ["6455-4.2.2-11"]
        => answered_after(
            |it, known| it.add(PROTOCOL, known),
            |answer| lacks(&answer, PROTOCOL),
        );
    /// No extension is accepted that only an earlier request on the connection
    /// offered.
    Must "6455/4.2.2/answer-is-for-its-own-request/extension" ["6455-4.2.2-15"]
        => answered_after(
            |it, _| it.add(EXTENSIONS, rfc7692::NAME),
            |answer| lacks(&answer, EXTENSIONS),
        );
}

family! { STANDS_ALONE, Dialer:
    /// A request is refused for a missing field although an earlier request on
    /// the same connection had it.
    Must "6455/4.2.1/request-stands-alone/"
        ["6455-4.2.1-06", "6455-4.2.1-08", "6455-4.2.1-10", "6455-4.2.1-11"]
        => is_refused_after_one_that_had;

    "upgrade" ("Upgrade");
    "connection" ("Connection");
    "key" ("Sec-WebSocket-Key");
    "version" ("Sec-WebSocket-Version");
}

fn known(declared: &crate::endpoint::Declared) -> Result<String, Finding> {
    declared.subprotocol.clone().ok_or_else(|| {
        Finding::Unsupported(
            "the server declares no handshake.subprotocol that it speaks"
                .to_owned(),
        )
    })
}

/// What the answer to an offer names.
async fn named(
    opener: &mut Opener,
    offer: impl FnOnce(Request) -> Request,
) -> Result<Vec<String>, Finding> {
    let dialer = opener.dialer();
    let request = offer(dialer.request());
    let answer = dialer.dial(request).await?;
    if !answer.is_switch() {
        return Err(Finding::violation(
            "an answer that opens the WebSocket",
            answer.reply(),
        ));
    }
    let values = answer.head()?.fields.all(PROTOCOL);
    Ok(values
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect())
}

async fn is_found(
    opener: &mut Opener,
    form: fn(Request, &str) -> Request,
) -> Verdict {
    let known = known(opener.declared())?;
    opener.open().await?;
    let alone = named(opener, |it| it.add(PROTOCOL, &known)).await;
    if !matches!(alone, Ok(named) if named == [&*known]) {
        return Err(Finding::Unsupported(format!(
            "the server does not choose {known} when it is offered alone"
        )));
    }
    let named = named(opener, |it| form(it, &known)).await?;
    match &named[..] {
        [one] if *one == known => Ok(()),
        [one] if UNKNOWN.contains(&&**one) => Err(Finding::Observed(
            "any subprotocol that is offered is accepted".to_owned(),
        )),
        _ => Err(Finding::violation(
            format_args!("{PROTOCOL}: {known}, as when it is offered alone"),
            described(&named),
        )),
    }
}

fn described(named: &[String]) -> String {
    match named {
        [] => format!("no {PROTOCOL}"),
        named => format!("{PROTOCOL}: {}", named.join(", ")),
    }
}

async fn is_one_of_the_offered(
    opener: &mut Opener,
    resembling: fn(&str) -> String,
) -> Verdict {
    let known = known(opener.declared())?;
    opener.open().await?;
    let offer = resembling(&known);
    let is_itself = resembling("Ab") == "Ab";
    if offer.is_empty() || !is_itself && offer == known {
        return Err(Finding::Unsupported(format!(
            "there is no such name beside {known}"
        )));
    }
    let dialer = opener.dialer();
    let request = dialer
        .request()
        .add(PROTOCOL, format!("{offer}, {}", UNKNOWN[0]));
    let answer = dialer.dial(request).await?;
    if !answer.is_switch() {
        return answer.expect_refusal();
    }
    let values = answer.head()?.fields.all(PROTOCOL);
    let named: Vec<_> = values
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect();
    match &named[..] {
        [] => Ok(()),
        [one] if *one == known && is_itself => Ok(()),
        [one] if *one == offer || *one == UNKNOWN[0] => Err(Finding::Observed(
            "any subprotocol that is offered is accepted".to_owned(),
        )),
        _ => Err(Finding::violation(
            format_args!("no {PROTOCOL}, or one of {offer}, {}", UNKNOWN[0]),
            described(&named),
        )),
    }
}

fn lacks(answer: &Answer, name: &str) -> Verdict {
    match answer.head()?.fields.all(name).next() {
        None => Ok(()),
        Some(value) => Err(Finding::violation(
            format_args!("no {name}: this request has none"),
            format_args!("{name}: {}", String::from_utf8_lossy(value)),
        )),
    }
}

/// Requests with all fields that no server answers with 101, so that the
/// connection may go on.
const FIRST: [fn(Request) -> Request; 3] = [
    |it| it.set("Sec-WebSocket-Version", "14"),
    |it| it.target("/there-is-no-such-resource"),
    |it| it.set("Upgrade", "example/1"),
];

/// The answers to a request, each after another first one on the same
/// connection, as far as that goes on.
async fn answers_after_others(
    dialer: &mut Dialer,
    first: impl Fn(Request) -> Request,
    second: impl Fn(Request) -> Request,
) -> Result<Vec<Answer>, Finding> {
    let mut answers = Vec::new();
    for refused in FIRST {
        let request = first(refused(dialer.request()));
        let answer = dialer.dial(request).await?;
        let goes_on = match answer.reply() {
            Reply::Head(head) => {
                head.status != 101
                    && !head.fields.has_token("Connection", "close")
            }
            _ => false,
        };
        if !goes_on {
            continue;
        }
        let request = second(dialer.request());
        let answer = answer.again(&request).await?;
        if let Reply::Head(_) = answer.reply() {
            answers.push(answer);
        }
    }
    match answers.is_empty() {
        false => Ok(answers),
        true => Err(Finding::Unsupported(
            "no connection goes on after an answer other than 101".to_owned(),
        )),
    }
}

async fn answered_after(
    dialer: &mut Dialer,
    first: fn(Request, &str) -> Request,
    judge: fn(Answer) -> Verdict,
) -> Verdict {
    dialer.open().await?;
    let known = dialer.endpoint().declared.subprotocol.clone();
    let known = known.unwrap_or_else(|| UNKNOWN[0].to_owned());
    let answers =
        answers_after_others(dialer, |it| first(it, &known), |it| it).await?;
    let mut judged = 0;
    for answer in answers {
        // That it is accepted at all is another case's matter.
        if answer.is_switch() {
            judge(answer)?;
            judged += 1;
        }
    }
    match judged {
        0 => Err(Finding::Unsupported(
            "a second request on a connection is never accepted".to_owned(),
        )),
        _ => Ok(()),
    }
}

async fn is_refused_after_one_that_had(
    dialer: &mut Dialer,
    name: &str,
) -> Verdict {
    dialer.open().await?;
    let alone = dialer.request().without(name);
    if dialer.dial(alone).await?.is_switch() {
        return Err(Finding::Unsupported(format!(
            "the server switches without any {name}, as other cases show"
        )));
    }
    let without = |it: Request| it.without(name);
    let answers = answers_after_others(dialer, |it| it, without).await?;
    match answers.iter().find(|answer| answer.is_switch()) {
        None => Ok(()),
        Some(answer) => Err(Finding::violation(
            format_args!("any answer but 101 for a request without {name}"),
            answer.reply(),
        )),
    }
}
