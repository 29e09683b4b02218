//! The effective configuration as lines that a shell understands, without secrets.

use std::time::Duration;

use service::args::without_password;

use super::{ProviderKind, RunArgs};

impl RunArgs {
    /// `NAME=value`, a line for each setting.
    pub fn describe(&self) -> String {
        let pairs = [self.servers(), self.work(), self.money()].concat();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
    }

    fn servers(&self) -> Vec<(&'static str, String)> {
        let kafka = &self.kafka;
        vec![
            ("KAFKA_BROKERS", kafka.brokers.clone()),
            ("ORDERS_TOPIC", kafka.orders_topic.clone()),
            ("STOCK_TOPIC", kafka.stock_topic.clone()),
            ("ORDER_EVENTS_TOPIC", kafka.order_events_topic.clone()),
            ("DLQ_TOPIC", kafka.dlq_topic.clone()),
            ("DATABASE_URL", without_password(&self.database.database_url)),
            ("PROCESSOR_GROUP", self.group.clone()),
            ("PROCESSOR_ADMIN_LISTEN", self.admin_listen.to_string()),
        ]
    }

    fn work(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PROCESSOR_WORKERS", self.workers.to_string()),
            ("PROCESSOR_BATCH_MAX", self.batch_max.to_string()),
            ("PROCESSOR_COMMIT_INTERVAL", duration(self.commit_interval)),
            ("PROCESSOR_QUEUE_RECORDS", self.queue_records.to_string()),
            ("PROCESSOR_QUEUE_BYTES", self.queue_bytes.to_string()),
            ("PROCESSOR_UNSETTLED_MAX", self.unsettled_max.to_string()),
            ("PROCESSOR_DEAD_LETTER_LIMIT", self.dead_letter_limit.to_string()),
            ("PROCESSOR_DRAIN_DEADLINE", duration(self.drain_deadline)),
            ("PROCESSOR_RETENTION", duration(self.retention)),
        ]
    }

    fn money(&self) -> Vec<(&'static str, String)> {
        let payment = &self.payment;
        let provider = match payment.payment_provider {
            ProviderKind::Simulator => "simulator",
            ProviderKind::Http => "http",
        };
        let outage = payment.payment_outage;
        let outage = outage.map(|(from, to)| format!("{}..{}", duration(from), duration(to)));
        vec![
            ("PAYMENT_PROVIDER", provider.to_owned()),
            ("PAYMENT_URL", without_password(&payment.payment_url)),
            ("PAYMENT_SUCCESS", payment.payment_success.to_string()),
            ("PAYMENT_LATENCY", duration(payment.payment_latency)),
            ("PAYMENT_TIMEOUTS", payment.payment_timeouts.to_string()),
            ("PAYMENT_OUTAGE", outage.unwrap_or_default()),
            ("PAYMENT_SEED", payment.payment_seed.to_string()),
            ("PAYMENT_DEADLINE", duration(payment.payment_deadline)),
            ("PAYMENT_CONCURRENCY", payment.payment_concurrency.to_string()),
        ]
    }
}

fn duration(duration: Duration) -> String {
    format!("{duration:?}")
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    #[test]
    fn every_setting_is_shown_and_no_password() {
        let command = RunArgs::augment_args(Command::new("processor"));
        let url = "postgres://u:secret@h/d?password=secret";
        let words = ["processor", "--database-url", url];
        let matches = command.clone().try_get_matches_from(words).unwrap();
        let shown = RunArgs::from_arg_matches(&matches).unwrap().describe();
        let names: Vec<_> = command
            .get_arguments()
            .filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned))
            .collect();
        assert!(names.len() > 20);
        for name in names {
            assert!(shown.contains(&format!("{name}=")), "{name} is missing in\n{shown}");
        }
        assert!(!shown.contains("secret"), "{shown}");
    }
}
