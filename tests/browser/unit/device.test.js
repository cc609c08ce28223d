import assert from "node:assert/strict";
import { test } from "node:test";
import { cutName, inAppBrowser, platformOf, suggestedName } from "../../../crates/web/assets/device.js";

const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
const SAFARI = `${IPHONE} Version/18.5 Mobile/15E148 Safari/604.1`;
const CHROME_IOS = `${IPHONE} CriOS/137.0.7151.79 Mobile/15E148 Safari/604.1`;
const ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)";
const CHROME = `${ANDROID} Chrome/137.0.0.0 Mobile Safari/537.36`;
const FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:139.0) Gecko/139.0 Firefox/139.0";
const IPAD = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15";

test("browsers inside apps are told from browsers", () => {
  const inside = {
    Instagram: `${IPHONE} Mobile/22F76 Instagram 384.0.0.28.86 (iPhone15,4; iOS 18_5; en_US; en; scale=3.00)`,
    Facebook: `${IPHONE} Mobile/22F76 [FBAN/FBIOS;FBAV/517.0.0.43.106;FBBV/739;FBDV/iPhone15,4]`,
    WeChat: `${ANDROID} Version/4.0 Chrome/130.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.58`,
    TikTok: `${IPHONE} Mobile/22F76 musical_ly_39.8.0 JsSdk/2.0 BytedanceWebview/d8a21c6`,
    LINE: `${IPHONE} Mobile/22F76 Safari Line/15.8.0`,
    "another app": "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A; wv) AppleWebKit/537.36 Chrome/137.0 Mobile",
  };
  for (const [app, agent] of Object.entries(inside)) assert.equal(inAppBrowser(agent), app);
  for (const agent of [SAFARI, CHROME_IOS, CHROME, FIREFOX, IPAD]) assert.equal(inAppBrowser(agent), null, agent);
});

test("an iPad that calls itself a Mac is known by its touch screen", () => {
  assert.equal(platformOf(IPAD, 5), "ios");
  assert.equal(platformOf(IPAD, 0), "other");
  assert.equal(platformOf(CHROME, 5), "android");
  assert.equal(platformOf(SAFARI, 5), "ios");
});

test("the suggested name says what it is and not whose", () => {
  assert.equal(suggestedName(SAFARI, 5), "iPhone");
  assert.equal(suggestedName(IPAD, 5), "iPad");
  assert.equal(suggestedName(CHROME, 5, "Pixel 9"), "Pixel 9");
  assert.equal(suggestedName(CHROME, 5, "K"), "Android phone");
  assert.equal(suggestedName("Mozilla/5.0 (X11; Linux x86_64)", 0), "Browser camera");
});

test("a name is one line and no longer than the node takes, cut between characters", () => {
  assert.equal(cutName("  Front\n door\u0000 "), "Front  door");
  assert.equal(cutName("거".repeat(40)), "거".repeat(21));
  assert.equal(new TextEncoder().encode(cutName("🎥".repeat(40))).length, 64);
  assert.equal(cutName("a".repeat(64)), "a".repeat(64));
  assert.equal(cutName("a".repeat(65)).length, 64);
});
