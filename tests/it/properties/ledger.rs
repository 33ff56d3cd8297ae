//! The ledger over any sequence of grants, holds and settlements.

use proptest::prelude::*;
use rungs::core::credits::Credits;
use rungs::core::id::AccountId;
use rungs::core::ledger::Account;

use crate::properties::given;

#[derive(Clone, Debug)]
enum Operation {
    Grant(Credits),
    Hold(Credits),
    /// Settles a hold: its index, and the charge in thousandths.
    Settle(prop::sample::Index, u32),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        given::credits().prop_map(Operation::Grant),
        given::credits().prop_map(Operation::Hold),
        (any::<prop::sample::Index>(), 0..=1_000_u32)
            .prop_map(|(which, share)| Operation::Settle(which, share)),
    ];
    prop::collection::vec(operation, 0..60)
}

fn sum(amounts: impl IntoIterator<Item = Credits>) -> u128 {
    amounts.into_iter().map(|it| u128::from(it.0)).sum()
}

proptest! {
    #[test]
    fn no_credit_is_made_or_lost(unlimited in any::<bool>(), operations in operations()) {
        let id = AccountId::default();
        let mut account = if unlimited { Account::unlimited(id) } else { Account::limited(id) };
        let (mut granted, mut spent, mut holds) = (0_u128, 0_u128, Vec::new());

        for operation in operations {
            let before = account.clone();
            match operation {
                Operation::Grant(amount) => {
                    let fits = granted + u128::from(amount.0) <= u128::from(u64::MAX);
                    prop_assert_eq!(account.grant(amount), fits);
                    if fits { granted += u128::from(amount.0) } else { prop_assert_eq!(&account, &before) }
                }
                Operation::Hold(amount) => match account.hold(amount) {
                    Ok(()) => {
                        prop_assert!(unlimited || amount <= before.free());
                        if unlimited {
                            granted += u128::from(amount.saturating_sub(before.free()).0);
                        }
                        holds.push(amount);
                    }
                    Err(refused) => {
                        prop_assert!(amount > before.free());
                        prop_assert_eq!((refused.needed, refused.free), (amount, before.free()));
                        prop_assert_eq!(&account, &before);
                    }
                },
                Operation::Settle(which, share) => {
                    if holds.is_empty() { continue }
                    let hold = holds.swap_remove(which.index(holds.len()));
                    let charged = hold.scaled(share);
                    account.settle(hold, charged);
                    spent += u128::from(charged.0);
                }
            }
            prop_assert_eq!(u128::from(account.granted().0), granted);
            prop_assert_eq!(u128::from(account.held().0), sum(holds.iter().copied()));
            prop_assert_eq!(u128::from(account.spent().0), spent);
            let parts = sum([account.free(), account.held(), account.spent()]);
            prop_assert_eq!(parts, granted, "granted = free + held + spent");
        }
    }
}
