//! Every mutation: a mistake that somebody could make, where it is put into the
//! source, and what has to notice it.

/// A text in a file of the source, and what stands there after the mistake.
pub(super) struct Edit {
    pub(super) file: &'static str,
    pub(super) right: &'static str,
    pub(super) wrong: &'static str,
}

/// A mistake.
pub(super) struct Mutation {
    pub(super) name: &'static str,
    /// The program that has it.
    pub(super) program: &'static str,
    pub(super) edits: &'static [Edit],
    /// The scenario that shows it.
    pub(super) scenario: &'static str,
    /// Invariants of which one at least must be found broken.
    pub(super) findings: &'static [&'static str],
}

const APPLY: &str = "processor/src/store/apply.rs";

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "fence-removed",
        program: "processor",
        edits: &[Edit {
            file: "processor/src/store/fence.rs",
            right: "and p.epoch = u.epoch and p.commit_seq = u.seq and p.next_offset <= u.first",
            wrong: "and u.epoch + u.first >= 0",
        }],
        scenario: "two-owners",
        findings: &["epoch-order"],
    },
    Mutation {
        name: "dedupe-removed",
        program: "processor",
        edits: &[Edit {
            file: "processor/src/store/dedupe.rs",
            right: "if inserted == batch.records.len() as u64 {",
            wrong: "if inserted <= batch.records.len() as u64 {",
        }],
        scenario: "redelivery",
        findings: &["dead-letter-unexpected", "stock-conservation", "order-doubled"],
    },
    Mutation {
        name: "outbox-after-commit",
        program: "processor",
        edits: &[
            Edit {
                file: APPLY,
                right: "        outbox::insert(connection, self.database, events).await.map(Some)\n    }\n\n    /// Tells of products",
                wrong: "        Ok(Some(events.iter().map(|_| 0).collect()))\n    }\n\n    /// Tells of products",
            },
            Edit {
                file: APPLY,
                right: "            Ok(Some((applied, shelved))) => {",
                wrong: "            Ok(Some((mut applied, shelved))) => {",
            },
            Edit {
                file: APPLY,
                right: "                seen.learn(",
                wrong: "                for (lane, id, events) in &mut applied.outbox {\n\
                        let row = BTreeMap::from([(*lane, events.clone())]);\n\
                        *id = outbox::insert(connection, self.database, &row).await?[0];\n\
                        }\n\
                        seen.learn(",
            },
        ],
        scenario: "die-committed",
        findings: &["event-missing"],
    },
    Mutation {
        name: "stock-released-twice",
        program: "processor",
        edits: &[Edit {
            file: "processor/src/decide/step.rs",
            right: "            stock.reserved -= quantity;\n            stock.available += quantity;",
            wrong: "            stock.reserved -= quantity;\n            stock.received += quantity;\n            stock.available += 2 * quantity;",
        }],
        scenario: "ingest-stop",
        findings: &["stock-conservation"],
    },
    Mutation {
        name: "progress-before-effects",
        program: "processor",
        edits: &[Edit {
            file: APPLY,
            right: "        let deduped = match batch.records {",
            wrong: "        sqlx::raw_sql(\"commit; begin\").execute(&mut *connection).await?;\n        let deduped = match batch.records {",
        }],
        scenario: "die-fenced",
        findings: &["order-missing"],
    },
    Mutation {
        name: "acknowledged-before-the-broker",
        program: "ingest",
        edits: &[Edit {
            file: "ingest/src/worker.rs",
            right: "        let outcome = self.0.await.unwrap_or(Err(Unconfirmed::Failed));",
            wrong: "        let soon = std::time::Duration::from_millis(200);\n\
                    let outcome: Outcome = match tokio::time::timeout(soon, self.0).await {\n\
                    Ok(Ok(known)) => known,\n\
                    _ => Ok(Position { partition: 0, offset: 0 }),\n\
                    };",
        }],
        scenario: "ingest-die-unsent",
        findings: &["acked-in-log"],
    },
    Mutation {
        name: "reserved-not-resumed",
        program: "processor",
        edits: &[Edit {
            file: "processor/src/store/reserved.rs",
            right: "ranges(claim.resume_offset, claim.next_offset)",
            wrong: "ranges(claim.next_offset, claim.next_offset)",
        }],
        scenario: "die-charged",
        findings: &["not-terminal"],
    },
    Mutation {
        name: "retired-before-acknowledged",
        program: "processor",
        edits: &[Edit {
            file: "processor/src/publish/lane.rs",
            right: "            if delivery != Some(Delivery::Acknowledged) {",
            wrong: "            if delivery.is_none_or(|delivery| delivery == Delivery::Failed) {",
        }],
        scenario: "die-before-publish",
        findings: &["event-missing"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::catalogue;

    #[test]
    fn every_mutation_finds_its_place_in_the_source_once() {
        for mutation in MUTATIONS {
            for edit in mutation.edits {
                let path = stack::place::workspace().join(edit.file);
                let text = std::fs::read_to_string(&path).unwrap();
                let count = text.matches(edit.right).count();
                assert_eq!(count, 1, "{} in {}", mutation.name, edit.file);
            }
            let known = catalogue().into_iter().any(|known| known.name == mutation.scenario);
            assert!(known, "{}", mutation.scenario);
        }
    }
}
