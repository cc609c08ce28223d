//! Who may not come in by the page, and what they are told: by the real program, and by a real browser.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_e2e::phone::PhoneApp;
use lanlens_e2e::phone_house::{House, PHONE};
use lanlens_e2e::whip_client::{Request, Site, join_request, token_in};
use lanlens_e2e::whip_offer::Offer;
use lanlens_testkit::WallClock;

/// Longer than a token lives.
const LATER_S: i64 = 6 * 60;

#[test]
fn a_token_lets_in_once_and_within_its_time_and_none_lets_in_nobody() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let site = house.site()?;
    let link = house.link()?;
    let token = token_in(&link)?;
    site.join(token, "First")?;
    site.send(&join_request(token, "Second"))?.refuses("token_used")?;
    let unknown = site.send(&join_request("AAAAAAAAAAAAAAAAAAAAAA", "Third"))?;
    unknown.refuses("token_unknown")?;
    for body in ["", "{}", r#"{"token":""}"#, r#"{"token":7}"#, "[", "null"] {
        let reply = site.send(&Request::new("POST", "/api/join").body("application/json", body))?;
        ensure!((400..500).contains(&reply.status), "{body}: {reply:?}");
        let words = reply.header("content-type").unwrap_or_default();
        ensure!(words.starts_with("application/problem+json"), "{body}: {reply:?}");
    }
    site.send(&Request::new("GET", "/api/me"))?.refuses("not_authorized")?;
    site.send(&Request::new("GET", "/api/me").bearer(token))?.refuses("not_authorized")
}

#[test]
fn a_token_that_is_too_old_says_so() -> Result<()> {
    let Some(clock) = WallClock::new()? else {
        return lanlens_testkit::skip("needs libfaketime");
    };
    let Some(house) = House::new()? else { return Ok(()) };
    // Made by somebody whose clock is behind: for the server it has been lying about.
    clock.set_off(-LATER_S)?;
    let link = house.link_by(&clock)?;
    let old = house.site()?.send(&join_request(token_in(&link)?, "Late"))?;
    old.refuses("token_expired")
}

/// Makes all that a home has given out good for watching only, as if it had been given out for that.
fn for_watching_only(home: &Path) -> Result<()> {
    let file = home.join("phones.json");
    let text = std::fs::read_to_string(&file)?;
    let changed = text.replace("\"publish\"", "\"watch\"");
    ensure!(changed != text, "nothing to change in {text}");
    Ok(std::fs::write(file, changed)?)
}

#[test]
fn what_was_given_out_for_watching_does_not_publish() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let site = house.site()?;
    let credential = site.join(token_in(&house.link()?)?, "Guest")?;
    let link = house.link()?;
    for_watching_only(house.server.home.path())?;
    let reply = site.publish(&credential, &Offer::common().sdp())?;
    reply.refuses("wrong_scope")?;
    reply.is(403)?;
    site.send(&join_request(token_in(&link)?, "Guest"))?.refuses("wrong_scope")
}

#[test]
fn guessing_tokens_is_slowed_down() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let site = house.site()?;
    let guess =
        |number: u32| site.send(&join_request(&format!("AAAAAAAAAAAAAAAAAAAA{number:02}"), "x"));
    let replies: Result<Vec<_>> = (0..8).map(guess).collect();
    let codes: Vec<String> = replies?
        .iter()
        .map(|reply| reply.json().map(|json| json["code"].as_str().unwrap_or("").to_owned()))
        .collect::<Result<_>>()?;
    ensure!(codes[..5].iter().all(|code| code == "token_unknown"), "{codes:?}");
    ensure!(codes.last().is_some_and(|code| code == "too_many_tries"), "{codes:?}");
    // Whoever did not guess is not slowed down with them.
    let sofa = site.from(&house.sofa);
    sofa.join(token_in(&house.link()?)?, "Honest").map(drop)
}

#[test]
fn forged_hosts_foreign_pages_and_plain_http_are_turned_away() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let site = house.site()?;
    let credential = site.join(token_in(&house.link()?)?, "Guest")?;
    let port = site.origin().rsplit(':').next().unwrap_or_default().to_owned();
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("{}", house.desk.ipv4()),
    ] {
        for target in ["/", "/api/me", "/assets/main.js"] {
            let request = Request::new("GET", target).header("Host", &host).bearer(&credential);
            site.send(&request)?.refuses("forbidden_host")?;
        }
    }
    let post = || {
        let request = Request::new("POST", "/whip").bearer(&credential);
        request.body("application/sdp", &Offer::common().sdp())
    };
    for origin in ["https://evil.example", "null", &site.origin().replace("https", "http")] {
        site.send(&post().header("Origin", origin))?.refuses("forbidden_origin")?;
    }
    site.send(&post().header("Origin", &site.origin()))?.is(201)?;

    // A person who navigates reads a page, not JSON.
    let navigated = Request::new("GET", "/").header("Host", "evil.example");
    let page = site.send(&navigated.header("Accept", "text/html,application/xhtml+xml"))?;
    page.is(403)?;
    ensure!(page.needed("content-type")?.starts_with("text/html"), "{page:?}");

    let address = site.origin().replace("https://", "").parse()?;
    let plain = Site::plain(&house.pocket, address).send(&Request::new("GET", "/"))?;
    plain.is(400)?;
    ensure!(plain.body.contains(&site.origin()), "where to go instead: {plain:?}");
    Ok(())
}

#[test]
fn without_a_page_there_is_no_port_and_no_code() -> Result<()> {
    let Some(house) = House::with_args(&["--web", "off"])? else { return Ok(()) };
    let open = house.desk.run(&["ss", "-Hltn"])?;
    let pages = (17443..=17452).filter(|port| open.contains(&format!(":{port} ")));
    ensure!(pages.count() == 0, "a page's port is open:\n{open}");
    let refused = house.link();
    ensure!(refused.is_err(), "a code for a page that is not there: {refused:?}");
    Ok(())
}

#[test]
fn a_page_tells_its_reader_why_a_link_does_not_let_in() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let Some(mut phone) = PhoneApp::new(&house.pocket).portrait().start()? else { return Ok(()) };
    let origin = house.site()?.origin();
    ensure!(phone.open(&format!("{origin}/"))?, "no warning");
    phone.see("Scan the code first")?;
    phone.keep("phone_page_no_token")?;

    let link = house.link()?;
    house.site()?.join(token_in(&link)?, "Somebody quicker")?;
    phone.open("about:blank")?;
    phone.open(&link)?;
    phone.try_start()?;
    phone.see("This code was used already")?;
    phone.keep("phone_page_token_used")?;
    phone.page_behaved()
}

#[test]
fn a_removed_phone_is_off_at_once_and_is_told() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let Some((mut phone, watch, camera)) = house.live(PhoneApp::new(&house.pocket))? else {
        return Ok(());
    };
    let mark = watch.program.mark();
    house.remove(PHONE)?;
    let limit = Duration::from_secs(10);
    watch.program.wait_from(mark, "its end", limit, |event| event.is_of("gone", &camera))?;
    phone.see("This phone was removed")?;
    phone.keep("phone_page_removed")
}

#[test]
fn a_browser_without_h264_says_so_and_what_to_do() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let script = "for (const side of [RTCRtpSender, RTCRtpReceiver]) {\n\
                  const all = side.getCapabilities.bind(side);\n\
                  side.getCapabilities = (kind) => { const found = all(kind);\n\
                  found.codecs = found.codecs.filter((codec) => codec.mimeType !== 'video/H264');\n\
                  return found; }; }";
    let app = PhoneApp::new(&house.pocket).portrait().script(script);
    let Some(mut phone) = app.start()? else { return Ok(()) };
    phone.open(&house.link()?)?;
    phone.try_start()?;
    phone.see("This browser has no H.264")?;
    let text = phone.text()?;
    ensure!(text.contains("Chrome"), "what to do: {text}");
    phone.keep("phone_page_no_h264")?;
    phone.page_behaved()
}
