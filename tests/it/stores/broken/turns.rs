//! The order of due jobs, and the faults that a store can have with it.

use rungs::core::claims::{JobIndex, Priority};
use rungs::core::id::AccountId;
use rungs::core::record::{Claim, Key, Record};
use rungs::testkit::store::sample::with;

use crate::stores::broken::fault::Fault;
use crate::stores::broken::model::State;

impl State {
    /// The jobs whose turn it is.
    pub(crate) fn picked(&self, fault: Fault, claim: &Claim) -> Vec<Vec<u8>> {
        let mut claim = claim.clone();
        let shares = &mut claim.shares;
        match fault {
            Fault::TakesAllOfASite => {
                shares.per_site = usize::MAX;
                shares.sites.values_mut().for_each(|it| it.most = usize::MAX);
            }
            Fault::TakesAllOfAnAccount => {
                shares.per_account = usize::MAX;
                shares.accounts.values_mut().for_each(|it| it.most = usize::MAX);
            }
            Fault::ForgetsWhoWasServed => shares.after = None,
            Fault::WeighsAllAlike => shares.accounts.values_mut().for_each(|it| it.weight = 1),
            _ => {}
        }
        let mut index = JobIndex::default();
        for found in self.records.values() {
            match (&found.record, fault) {
                (Record::Job(job), Fault::IgnoresPriorities) => {
                    let same = with(job.clone(), |it| it.priority = Priority::Normal);
                    index.put(&Record::Job(same));
                }
                (Record::Job(job), Fault::ServesOneAccountFirst) => {
                    let same = with(job.clone(), |it| it.account = AccountId::default());
                    index.put(&Record::Job(same));
                }
                (record, _) => index.put(record),
            }
        }
        index.pick(&claim).into_iter().map(|it| Key::Job(it).to_bytes()).collect()
    }
}
