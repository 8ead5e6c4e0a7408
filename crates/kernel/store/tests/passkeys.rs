//! Passkeys in the store, on both engines.

#![expect(clippy::unwrap_used, reason = "a broken expectation ends the test")]

use mach_access::{Act, Actor, Role, decide};
use mach_store::accounts::NewAccount;
use mach_store::passkeys::{self, Passkey};
use mach_store::{Store, factors};
use mach_test_engines::{Home, on_both_engines};

fn key(account: i64, credential: &[u8]) -> Passkey {
    Passkey {
        id: 0,
        account,
        credential: credential.to_vec(),
        public: vec![1, 2, 3],
        name: "Điện thoại".to_owned(),
        counter: u32::MAX - 1,
        backed_up: true,
        made: 0,
        used: None,
        copied: None,
    }
}

on_both_engines!(life);

fn life(home: &Home) {
    let store = &home.open();
    let decision = decide(&Actor::console(), Act::Administer).unwrap();
    let new = NewAccount {
        name: "an".to_owned(),
        display: "An".to_owned(),
        role: Role::Leader,
        facility: None,
        password: "x".to_owned(),
    };
    let (account, first) = store
        .write(&decision, move |tx| {
            let account = tx.set_account(&new)?;
            assert!(!factors::is_guarded(tx, account)?);
            let id = tx.add_passkey(&key(account, b"one"))?;
            tx.give_paper_codes(account, &[[7; 32]])?;
            Ok((account, id.expect("kept")))
        })
        .unwrap();
    let of = |store: &Store| passkeys::of_account(&mut store.read(&decision).unwrap(), account).unwrap();
    let kept = of(store);
    assert_eq!((kept.len(), kept[0].counter, kept[0].backed_up, kept[0].used), (1, u32::MAX - 1, true, None));
    store
        .write(&decision, move |tx| {
            assert!(factors::is_guarded(tx, account)?);
            assert_eq!(tx.add_passkey(&key(account, b"one"))?, None, "an id twice");
            tx.used_passkey(first, u32::MAX)?;
            tx.copied_passkey(first)?;
            for n in 1..mach_base::limits::PASSKEYS {
                assert!(tx.add_passkey(&key(account, &n.to_be_bytes()))?.is_some(), "{n}");
            }
            assert_eq!(tx.add_passkey(&key(account, b"more"))?, None, "one past the limit");
            Ok(())
        })
        .unwrap();
    let kept = of(store);
    assert_eq!(kept[0].counter, u32::MAX);
    assert!(kept[0].used.is_some() && kept[0].copied.is_some() && kept[1].copied.is_none());
    store
        .write(&decision, move |tx| {
            assert!(!tx.drop_passkey(account + 1, first)?, "another's");
            assert!(tx.drop_passkey(account, first)? && !tx.drop_passkey(account, first)?);
            assert_eq!(factors::paper_codes(tx, account)?, 1, "codes for paper stay while a key does");
            tx.drop_factor(account)?;
            assert_eq!(factors::paper_codes(tx, account)?, 1);
            tx.drop_factors(account)?;
            assert_eq!(factors::paper_codes(tx, account)?, 0);
            assert!(!factors::is_guarded(tx, account)?);
            Ok(())
        })
        .unwrap();
    assert!(of(store).is_empty());
}
