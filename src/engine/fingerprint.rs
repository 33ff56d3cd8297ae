//! The fingerprint of a submission, which is compared with that of an earlier one with the same idempotency key.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::core::batch::{BatchKind, ItemEvents};
use crate::core::id::{AccountId, BatchId};
use crate::core::request::{Item, JobRequest};
use crate::core::tier::Tier;

/// The digest of a submission's contents.
pub(super) struct Fingerprint {
    digest: [u8; 32],
    items: Vec<Item>,
    submission: Submission,
}

/// The contents of a submission beside its pages.
#[derive(Serialize)]
pub(super) struct Submission {
    pub(super) account: AccountId,
    pub(super) webhook: Option<String>,
    pub(super) max_tier: Option<Tier>,
    pub(super) form: BatchKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry_of: Option<BatchId>,
    #[serde(skip_serializing_if = "ItemEvents::is_none")]
    pub(super) item_events: ItemEvents,
}

/// Shows nothing else, because URLs contain credentials.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fingerprint").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Fingerprint {
    /// Computes the fingerprint of `items`, which were checked as `requests`.
    pub(super) fn new(items: Vec<Item>, requests: &[JobRequest], submission: Submission) -> Self {
        let bytes = rmp_serde::to_vec_named(&(requests, &submission));
        let digest = Sha256::digest(bytes.expect("a submission is plain data")).into();
        Self { digest, items, submission }
    }

    /// Returns the digest to store.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Returns `true` if `stored` is the digest of the same contents, as this release or an earlier one computed it.
    pub(super) fn matches(&self, stored: &[u8; 32]) -> bool {
        // Earlier releases had neither retries nor notifications of items.
        let Submission { retry_of, item_events, .. } = &self.submission;
        let is_plain = retry_of.is_none() && item_events.is_none();
        let is_old = || is_plain && self.json_digest() == *stored;
        self.digest == *stored || is_old()
    }

    /// Returns the digest that was stored beside records of format 1.
    fn json_digest(&self) -> [u8; 32] {
        let Submission { account, webhook, max_tier, form, .. } = &self.submission;
        let body = serde_json::json!({
            "items": self.items, "account": account, "webhook": webhook, "max_tier": max_tier, "form": form,
        });
        Sha256::digest(body.to_string()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::request::Limits;

    fn fingerprint(change: impl FnOnce(&mut Vec<Item>, &mut Submission)) -> Fingerprint {
        let schema = serde_json::json!({ "price": "number", "name": "string" });
        let mut items = vec![
            Item::get("https://example.com/a"),
            Item::get("https://example.com/b").schema(schema),
        ];
        let mut submission = Submission {
            account: AccountId::new("acme").expect("a name"),
            webhook: Some("https://hooks.example/".to_owned()),
            max_tier: Some(Tier::Stealth),
            form: BatchKind::Batch,
            retry_of: None,
            item_events: ItemEvents::default(),
        };
        change(&mut items, &mut submission);
        let requests = items.iter().map(|it| it.clone().check(&Limits::default()));
        let requests: Vec<_> = requests.collect::<Result<_, _>>().expect("valid items");
        Fingerprint::new(items, &requests, submission)
    }

    /// Both digests are stored: a submission that is repeated after an upgrade must match its first one.
    #[test]
    fn the_digests_of_a_submission_do_not_change() {
        let fingerprint = fingerprint(|_, _| {});
        let hex = |digest: [u8; 32]| digest.map(|it| format!("{it:02x}")).concat();

        assert_eq!(
            hex(fingerprint.digest()),
            "6bc7feecc977022af812748d15ce68769989344c52731b2ff8b729d5d13694bd"
        );
        assert_eq!(
            hex(fingerprint.json_digest()),
            "6c64b9c766cfc87ab4242444a217d329d84895980c39f4bdeb344e8a1c39bf03"
        );
        assert!(fingerprint.matches(&fingerprint.digest()));
        assert!(fingerprint.matches(&fingerprint.json_digest()));
    }

    #[test]
    fn other_contents_do_not_match() {
        let first = fingerprint(|_, _| {});
        let others = [
            fingerprint(|items, _| items[0].url.push('c')),
            fingerprint(|items, _| items[1].evidence = true),
            fingerprint(|items, _| items.swap(0, 1)),
            fingerprint(|_, it| it.account = AccountId::default()),
            fingerprint(|_, it| it.webhook = None),
            fingerprint(|_, it| it.max_tier = None),
            fingerprint(|_, it| it.form = BatchKind::Scrape),
            fingerprint(|_, it| it.retry_of = Some(BatchId::LAST)),
            fingerprint(|_, it| it.item_events = ItemEvents::FAILED),
        ];

        for other in others {
            assert!(
                !other.matches(&first.digest()) && !other.matches(&first.json_digest()),
                "{other:?}"
            );
        }
    }
}
