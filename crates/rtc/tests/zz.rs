mod common;
use common::*;
use lanlens_rtc::*;
use tokio::sync::mpsc;
#[tokio::test]
async fn zz() {
    let (events_tx, mut events) = mpsc::channel(64);
    let subscriber = Subscriber::start(loopback(), |_| {}, events_tx).await.unwrap();
    let offer = description(&mut events).await;
    println!("{offer}");
    for o in [offer.clone(), offer.replace("42e01f", "640032"), offer.replace("m=video", "m=audio")]
    {
        let (_units, unit_rx) = mpsc::channel(4);
        let (etx, mut ev) = mpsc::channel(64);
        match Publisher::start(loopback(), o, unit_rx, || {}, etx).await {
            Ok(p) => {
                println!("-----\n{}", description(&mut ev).await);
                p.close().await;
            }
            Err(e) => println!("ERR {e}"),
        }
    }
    let mut p = Pair::connect().await;
    println!("{:?}", p.pair_text);

    let mut src = Source::new(1);
    for i in 0..160 {
        p.units.send(if i == 0 { src.keyframe(5000) } else { src.delta(9000) }).await.unwrap();
        p.next_unit().await;
        tokio::time::sleep(std::time::Duration::from_millis(33)).await;
    }
    println!("{:?}\n{:?}", p.subscriber.stats(), p.publisher.stats());
    subscriber.close().await;
}
