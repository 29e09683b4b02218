//! What `--keep` leaves running and how to look at it: lines that work when
//! pasted.

use std::path::Path;

use stack::env::quoted;

/// The lines.
pub(crate) fn lines(
    env: &[(String, String)],
    pids: &[(&str, u32)],
    receipts: &[&Path],
    stack_dir: &Path,
) -> String {
    let value = |name: &str| {
        env.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    };
    let (url, brokers) = (value("INGEST_URL"), value("KAFKA_BROKERS"));
    let database = quoted(value("DATABASE_URL"));
    let receipts: Vec<String> = receipts
        .iter()
        .map(|file| format!(" --receipts {}", quoted(&file.display().to_string())))
        .collect();
    let pids: Vec<String> = pids.iter().map(|(_, pid)| pid.to_string()).collect();
    let body = r#"{"customerId":"me","items":[{"productId":"p-1","quantity":1,"price":9.95}]}"#;
    format!(
        "\nEverything is still running. Look at it:\n\
         \x20 psql {database} -c \"select * from sales_metrics where metric_name = 'top_products' order by value desc limit 10\"\n\
         \x20 psql {database} -f sql/queries/revenue_per_minute.sql\n\
         \x20 kcat -b {brokers} -t order-events -o -5 -e -f '%k %h %s\\n'\n\
         \x20 curl -i {url}/orders --json '{body}'\n\
         \x20 curl '{url}/metrics/sales?metric=revenue_total'\n\
         \x20 DATABASE_URL={database} KAFKA_BROKERS={brokers} cargo audit{}\n\
         \x20 INGEST_URL={url} KAFKA_BROKERS={brokers} cargo loadgen --rate 1000 --duration 1m --follow\n\
         Stop it:\n\
         \x20 kill {}; cargo stack --dir {} down --purge\n",
        receipts.concat(),
        pids.join(" "),
        quoted(&stack_dir.display().to_string())
    )
}
