//! Sign-ins: begun with a key, carried by a cookie, stored until they end.
//!
//! The cookie holds the session's id and 32 random bytes of which only the digest is stored, and
//! never the key. A session ends when it is signed out of, when its time is over and when its key
//! is revoked, each of them at once: there is no cache.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use zkpool_jobs::{Ports, keys};
use zkpool_ports::{BlobError, BlobKey, Durability};
use zkpool_types::cost::OPERATOR_PROJECT;
use zkpool_types::{ApiKey, KeyRecord, Scope, Secret, Session, SessionId, Sha256Digest, Timestamp};

use crate::guard::Caller;
use crate::limits::{RECORD_BYTES_MAX, SESSION_LIFETIME, SESSIONS_DROPPED_MAX};
use crate::{ApiError, ApiResult, Keys};

/// The cookie's name.
pub(crate) const COOKIE: &str = "zkpool-session";

/// The cookie is sent to the pages that need it and to nothing else.
const COOKIE_PATH: &str = "/dashboard";

/// Keeps the token of forms from being the secret of the cookie that it is made of.
const FORM_PURPOSE: &str = "zkpool dashboard form v1";

/// Who is signed in, and what forms of this session carry.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// The project and the key.
    pub(crate) caller: Caller,
    /// The session.
    pub(crate) id: SessionId,
    /// What the key may do.
    pub(crate) scopes: Vec<Scope>,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
    /// What a form has to send back: a page of another site cannot know it.
    pub(crate) form_token: Secret<String>,
}

impl SignedIn {
    /// Whether this is who runs the service, and may see what the fleet costs.
    pub(crate) fn runs_the_service(&self) -> bool {
        self.caller.project.as_str() == OPERATOR_PROJECT && self.scopes.contains(&Scope::Operator)
    }
}

/// The sessions of every project.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    ports: Ports,
    keys: Keys,
}

impl Sessions {
    pub(crate) fn new(ports: Ports) -> Self {
        let keys = Keys::new(ports.clone());
        Self { ports, keys }
    }

    /// Begins a session of this key, which its caller has found valid. Returns what the browser
    /// is to present.
    pub(crate) async fn begin(&self, key: &ApiKey) -> ApiResult<Token> {
        self.drop_oldest().await?;
        let mut random = [0; 32];
        self.ports.rng.fill(&mut random);
        let token =
            Token { id: SessionId::new(self.ports.ids.next()), secret: Secret::new(random) };
        let now = self.ports.clock.now();
        let session = Session {
            id: token.id,
            secret: token.digest(),
            key: key.digest(),
            expires_at: now.checked_add(SESSION_LIFETIME).unwrap_or(now),
        };
        let json = serde_json::to_vec(&session).map_err(|error| ApiError::internal(&error))?;
        // A sign-in that a loss of power undoes is one more sign-in.
        let key = keys::session(token.id);
        self.ports.blobs.put(&key, Bytes::from(json), Durability::Cached).await?;
        Ok(token)
    }

    /// Who is signed in by these headers and may do what needs `scope`; `None` where nobody is.
    pub(crate) async fn find(
        &self,
        headers: &HeaderMap,
        scope: Scope,
    ) -> ApiResult<Option<SignedIn>> {
        let Some(token) = Token::of(headers) else { return Ok(None) };
        let Some(session) = self.read(&keys::session(token.id)).await? else { return Ok(None) };
        // Digests are compared, so that the time of the comparison tells nothing of the secret.
        if session.secret != token.digest() || session.expires_at <= self.ports.clock.now() {
            return Ok(None);
        }
        let record = self.keys.find_by_digest(&session.key).await?;
        let allowed = record.filter(|record| record.scopes.contains(&scope));
        Ok(allowed.map(|record| signed_in(&session, &token, record)))
    }

    /// Ends a session. Ending it again changes nothing.
    pub(crate) async fn end(&self, id: SessionId) -> ApiResult<()> {
        self.ports.blobs.delete(&keys::session(id)).await?;
        Ok(())
    }

    /// Removes some of the sessions that have ended by themselves. Ids sort by time, so that those
    /// are the first; whoever signs in removes more than are begun.
    async fn drop_oldest(&self) -> ApiResult<()> {
        let oldest = self.ports.blobs.list(keys::SESSIONS, None, SESSIONS_DROPPED_MAX).await?;
        for key in &oldest {
            match self.read(key).await? {
                Some(session) if session.expires_at > self.ports.clock.now() => break,
                _ => self.ports.blobs.delete(key).await?,
            }
        }
        Ok(())
    }

    async fn read(&self, key: &BlobKey) -> ApiResult<Option<Session>> {
        match self.ports.blobs.get(key, RECORD_BYTES_MAX).await {
            // What was cut short by a loss of power is no session.
            Ok(body) => Ok(serde_json::from_slice(&body).ok()),
            Err(BlobError::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn signed_in(session: &Session, token: &Token, record: KeyRecord) -> SignedIn {
    SignedIn {
        caller: Caller { project: record.project, key: record.id },
        id: session.id,
        scopes: record.scopes,
        expires_at: session.expires_at,
        form_token: token.form_token(),
    }
}

/// What a browser presents.
#[derive(Debug)]
pub(crate) struct Token {
    id: SessionId,
    secret: Secret<[u8; 32]>,
}

impl Token {
    /// The token of the only session cookie among these headers.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let pairs =
            cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(name, _)| name.trim() == COOKIE).map(|(_, value)| value);
        let (value, None) = (values.next()?, values.next()) else { return None };
        Self::parse(value.trim())
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, digits) = text.split_once('.')?;
        let mut secret = [0; 32];
        hex::decode_to_slice(digits, &mut secret).ok()?;
        Some(Self { id: id.parse().ok()?, secret: Secret::new(secret) })
    }

    fn digest(&self) -> Sha256Digest {
        Sha256Digest::of(self.secret.expose())
    }

    fn form_token(&self) -> Secret<String> {
        let text = format!("{FORM_PURPOSE}\n{}", hex::encode(self.secret.expose()));
        Secret::new(Sha256Digest::of(text.as_bytes()).to_string())
    }

    /// The header that hands the token to the browser. Over `https` it goes nowhere else.
    pub(crate) fn set_cookie(&self, https: bool) -> String {
        let value = format!("{}.{}", self.id, hex::encode(self.secret.expose()));
        cookie(&value, SESSION_LIFETIME.as_secs(), https)
    }
}

/// The header that makes the browser forget its token.
pub(crate) fn forget_cookie(https: bool) -> String {
    cookie("", 0, https)
}

fn cookie(value: &str, age_s: u64, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    format!(
        "{COOKIE}={value}; Path={COOKIE_PATH}; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}"
    )
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ID: &str = "018f2e7a-0000-7000-8000-000000000001";

    fn headers(lines: &[&str]) -> HeaderMap {
        let line = |line: &&str| (header::COOKIE, HeaderValue::from_str(line).unwrap());
        lines.iter().map(line).collect()
    }

    #[test]
    fn the_session_cookie_is_found_among_others() {
        let value = format!("zkpool-session={ID}.{}", "ab".repeat(32));
        for line in [value.clone(), format!("a=b; {value}; c=d"), format!("a=b;{value}")] {
            let token = Token::of(&headers(&[&line])).unwrap();
            assert_eq!(token.id.to_string(), ID);
            assert_eq!(token.secret.expose(), &[0xab; 32]);
        }
    }

    #[test]
    fn anything_but_one_well_formed_cookie_is_rejected() {
        let good = format!("zkpool-session={ID}.{}", "ab".repeat(32));
        let short = format!("zkpool-session={ID}.abab");
        let twice = format!("{good}; {good}");
        let cases: [&[&str]; 6] = [
            &[],
            &["zkpool-session="],
            &["zkpool-session=a.b"],
            &[&short],
            &[&twice],
            &[&good, &good],
        ];
        for case in cases {
            assert!(Token::of(&headers(case)).is_none(), "{case:?} was accepted");
        }
    }

    #[test]
    fn a_cookie_is_no_ones_but_the_pages() {
        let token = Token::parse(&format!("{ID}.{}", "00".repeat(32))).unwrap();
        let cookie = token.set_cookie(true);
        for attribute in ["HttpOnly", "SameSite=Strict", "Path=/dashboard", "Max-Age=", "Secure"] {
            assert!(cookie.contains(&format!("; {attribute}")), "{cookie}");
        }
        assert!(!token.set_cookie(false).contains("Secure"));
        assert!(!format!("{token:?}").contains("0000000000000000000"));
    }

    #[test]
    fn the_token_of_forms_is_not_the_secret() {
        let token = Token::parse(&format!("{ID}.{}", "00".repeat(32))).unwrap();
        let other = Token::parse(&format!("{ID}.{}", "01".repeat(32))).unwrap();
        assert_ne!(token.form_token(), other.form_token());
        assert_ne!(*token.form_token().expose(), token.digest().to_string());
    }
}
