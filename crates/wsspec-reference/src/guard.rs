//! Who is let in, by an endpoint that asks.

use rfc6455::handshake::Fields;

use crate::Defect;

/// The origin that is allowed.
pub const ORIGIN: &str = "https://app.example";

/// The token that is asked for.
pub const TOKEN: &str = "open-sesame";

/// What stands before the token where it comes as a subprotocol.
pub const BEARER: &str = "bearer.";

/// The subprotocol that is spoken.
pub const SUBPROTOCOL: &str = "echo.v1";

pub(crate) fn origin_is_allowed(
    fields: &Fields,
    defect: Option<Defect>,
) -> bool {
    let origins: Vec<_> = fields
        .all("Origin")
        .map(String::from_utf8_lossy)
        .collect();
    let is_dropped = defect == Some(Defect::OriginDroppedByConnection)
        && fields.has_token("Connection", "Origin");
    let origin = match (defect, &origins[..]) {
        (Some(Defect::OriginNotChecked), _) => return true,
        (Some(Defect::OriginFirstCounts), [first, ..]) => first,
        (Some(Defect::OriginLastCounts), [.., last]) => last,
        (
            Some(
                Defect::OriginAbsentAllowed | Defect::OriginDroppedByConnection,
            ),
            [],
        ) => return true,
        (_, [only]) => only,
        _ => return false,
    };
    let host = ORIGIN.trim_start_matches("https://");
    is_dropped
        || match defect {
            Some(Defect::OriginPrefix) => origin.starts_with(ORIGIN),
            Some(Defect::OriginSuffix) => {
                origin.starts_with("https://") && origin.ends_with(host)
            }
            Some(Defect::OriginHostOnly) => {
                let (_, authority) =
                    origin.split_once("://").unwrap_or_default();
                authority.split(':').next() == Some(host)
            }
            Some(Defect::OriginNullAllowed) => {
                origin == ORIGIN || origin == "null"
            }
            Some(Defect::OriginEmptyAllowed) => {
                origin == ORIGIN || origin.is_empty()
            }
            Some(Defect::OriginNormalised) => {
                let origin = origin.to_lowercase();
                origin.trim_end_matches(['/', '.']) == ORIGIN
            }
            _ => origin == ORIGIN,
        }
}

pub(crate) fn credential_is_right(
    fields: &Fields,
    defect: Option<Defect>,
) -> bool {
    let credential = fields.only("Authorization");
    let Some(credential) = credential.map(String::from_utf8_lossy) else {
        let mut offered = fields.list("Sec-WebSocket-Protocol");
        let offered = offered.find_map(|it| it.strip_prefix(BEARER.as_bytes()));
        let is_right = match defect {
            Some(Defect::SubprotocolCredentialNotRead) => false,
            Some(Defect::SubprotocolCredentialNotChecked) => offered.is_some(),
            _ => offered == Some(TOKEN.as_bytes()),
        };
        return is_right
            || matches!(
                defect,
                Some(
                    Defect::CredentialAbsentAllowed
                        | Defect::CredentialNotChecked
                )
            );
    };
    let (scheme, token) = credential.split_once(' ').unwrap_or_default();
    match defect {
        Some(Defect::CredentialNotChecked) => true,
        Some(Defect::CredentialPrefix) => {
            scheme == "Bearer" && token.starts_with(TOKEN)
        }
        Some(Defect::CredentialCompletes) => TOKEN.starts_with(token),
        Some(Defect::CredentialAnyScheme) => token == TOKEN,
        _ => scheme == "Bearer" && token == TOKEN,
    }
}
