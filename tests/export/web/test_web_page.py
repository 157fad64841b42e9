"""The page in Chromium with networking off, beside what `predict` says of the same pictures."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from web_page import decoded, encoded, lone_chromium, requested, run, serving, wait

from data import to_square
from inference.classifier import Classifier
from inference.demo.example_pictures import draw_examples
from inference.detection.alignment import TEMPLATE, align
from inference.detection.retinaface import shrunk
from inference.faces import Face

PAGE = Path(__file__).parents[3] / "export" / "web" / "page"

_CLASSIFY = """
const {Client} = await import("./client.js");
const info = await new Promise((resolve, reject) => {
  const on = {progress() {}, ready: resolve, failed: ({message}) => reject(message)};
  self.client ??= new Client(on);
  if (self.info) resolve(self.info);
});
self.info = info;
const answers = [], times = [];
for (const text of args[0]) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  try {
    const {faces, ms} = await self.client.classify(new Blob([bytes]), 100);
    answers.push(faces);
    times.push(ms);
  } catch (error) { answers.push(error.message); }
}
return {precision: info.precision, threads: info.threads, answers, ms: times};
"""


@pytest.fixture(scope="module")
def pages(
    exported: Path, write_page: Callable, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with serving(write_page(exported, tmp_path_factory.mktemp("page") / "web")) as url:
        yield url


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Drawn pictures: upright, on their side, turned by EXIF, transparent, of many sizes."""
    folder = tmp_path_factory.mktemp("pictures")
    group, portrait = (Image.open(path) for path in draw_examples(folder))
    lying = group.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    lying.save(folder / "exif.jpg", exif=exif, quality=90)
    lying.save(folder / "lying.png")
    group.resize((2400, 1680)).save(folder / "large.png")
    group.resize((3000, 2100)).save(folder / "reduced.jpg", quality=92)
    portrait.resize((1068, 1308)).save(folder / "near.png")
    portrait.crop((20, 40, 160, 200)).save(folder / "cut.png")
    portrait.convert("RGBA").save(folder / "clear.webp", lossless=True)
    Image.new("RGB", (300, 200), "green").save(folder / "nobody.gif")
    return {path.name: path for path in sorted(folder.glob("[a-z]*.*"))}


def classify(browser: webdriver.Chrome, pictures: list[Path]) -> dict[str, Any]:
    return run(browser, _CLASSIFY, [encoded(path.read_bytes()) for path in pictures])


@pytest.mark.browser
def test_it_says_what_predict_says_and_asks_for_nothing_elsewhere(
    pages: str, exported: Path, pictures: dict[str, Path], tmp_path: Path
) -> None:
    net_log = tmp_path / "net.json"
    with lone_chromium(f"log-net-log={net_log}") as browser:
        browser.get(pages)
        given = classify(browser, list(pictures.values()))
    assert given["precision"] == "int8"
    classifier = Classifier.load(exported, precision="int8")
    for path, faces in zip(pictures.values(), given["answers"], strict=True):
        agrees(path, faces, classifier.predict(path))
    assert {len(faces) for faces in given["answers"]} == {0, 1, 5}
    urls = requested(net_log, pages.rstrip("/"))
    assert {f"{pages}{name}" for name in ("model.int8.onnx", "retinaface.onnx")} < urls
    assert not [url for url in urls if not url.startswith(pages)]
    assert f"{pages}model.fp32.onnx" not in urls


def agrees(path: Path, faces: list[dict[str, Any]], as_predict: list[Face]) -> None:
    assert len(faces) == len(as_predict), path.name
    for here, there in zip(faces, as_predict, strict=True):
        off = np.abs(np.subtract(here["box"], there.box.xyxy)).max()
        assert off <= (2 if path.name == "reduced.jpg" else 0), path.name
        [said], [wanted] = here["predictions"], there.predictions
        assert said["probabilities"] == pytest.approx(wanted.probabilities, abs=0.01), path.name
        assert said["decision"] == wanted.decision, path.name


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("isolated", [False, True])
def test_photos_beside_predict(
    write_page: Callable, real_photos: Path, real_models: Path, tmp_path: Path, precision: str,
    isolated: bool,
) -> None:  # fmt: skip
    """Prints what is off and what it takes, with -s; enlarged JPEGs are decoded reduced."""
    folder = write_page(real_models, tmp_path / "web")
    facts = json.loads((folder / "facts.json").read_text())
    facts["forms"] = [form for form in facts["forms"] if form["precision"] == precision]
    (folder / "facts.json").write_text(json.dumps(facts))
    photos = sorted(real_photos.glob("*.jpg"))
    for path in photos:
        with Image.open(path) as photo:
            photo.resize((3 * photo.width, 3 * photo.height)).save(tmp_path / path.name, quality=92)
    classifier = Classifier.load(real_models, precision=precision, threads=None if isolated else 1)
    classifier.predict(photos[0])
    with serving(folder, isolated) as url, lone_chromium() as browser:
        start = time.perf_counter()
        open_page(browser, url)
        print(f"\n{precision}, loaded in {time.perf_counter() - start:.1f} s")
        classify(browser, photos[:1])
        for kind, paths in (("", photos), ("reduced ", sorted(tmp_path.glob("*.jpg")))):
            given = classify(browser, paths)
            off, ratios = [], []
            for path, faces in zip(paths, given["answers"], strict=True):
                start = time.perf_counter()
                wanted = classifier.predict(path)
                seconds = time.perf_counter() - start
                assert len(faces) == len(wanted)
                for here, there in zip(faces, wanted, strict=True):
                    p, q = here["predictions"][0]["probabilities"], there.predictions[0]
                    off.append(np.abs(np.subtract(p, q.probabilities)).max())
                ratios.append(seconds)
            took = "; ".join(
                f"{name} {sum(one[name] for one in given['ms']):.0f} ms" for name in given["ms"][0]
            )
            print(
                f"{kind}{len(off)} faces, {given['threads']} threads: off by {np.mean(off):.4f} in "
                f"the mean, {max(off):.4f} at most; {took}; predict {sum(ratios):.2f} s"
            )
            assert max(off) < (0.2 if kind else 0.01)


@pytest.mark.browser
def test_isolated_pages_have_threads_and_say_the_same(
    browser: webdriver.Chrome,
    pages: str,
    exported: Path,
    write_page: Callable,
    pictures: dict[str, Path],
    tmp_path: Path,
) -> None:
    with serving(write_page(exported, tmp_path / "web"), isolated=True) as url:
        browser.get(url)
        many = classify(browser, [pictures["portrait.jpg"]])
        browser.get(pages)
        one = classify(browser, [pictures["portrait.jpg"]])
    assert one["threads"] == 1
    assert many["threads"] == min(4, browser.execute_script("return navigator.hardwareConcurrency"))
    [[here], [there]] = many["answers"][0], one["answers"][0]
    p, q = (face["predictions"][0]["probabilities"] for face in (here, there))
    assert p == pytest.approx(q, abs=0.001)


@pytest.mark.browser
def test_int8_that_is_not_correct_in_the_browser_gives_way_to_fp32(
    browser: webdriver.Chrome,
    exported: Path,
    write_page: Callable,
    pictures: dict[str, Path],
    tmp_path: Path,
) -> None:
    folder = write_page(exported, tmp_path / "web")
    facts = json.loads((folder / "facts.json").read_text())
    facts["forms"][0]["expected"][0] = [0.99, 0.01]
    facts["forms"][0]["tolerance"] = 0.0001
    (folder / "facts.json").write_text(json.dumps(facts))
    with serving(folder) as url:
        browser.get(url)
        wait(browser, "#result", "Choose a picture")
        given = classify(browser, [pictures["portrait.jpg"]])
    assert given["precision"] == "fp32"


@pytest.mark.browser
def test_a_photo_on_the_page(
    browser: webdriver.Chrome, pages: str, pictures: dict[str, Path], tmp_path: Path
) -> None:
    open_page(browser, pages)
    choose(browser, pictures["group.jpg"])
    text = wait(browser, "#result", "5 faces")
    assert "int8, 1 thread" in text and "not a person's gender" in text
    picture = browser.find_element(By.ID, "picture")
    assert picture.get_attribute("aria-label") == "The picture: 5 faces"
    assert picture.get_property("width") == 1000

    (tmp_path / "text.jpg").write_text("no image")
    choose(browser, tmp_path / "text.jpg")
    assert "Not an image, damaged, or of a kind" in wait(browser, "#result", "No prediction")
    assert not picture.is_displayed()
    (tmp_path / "empty.jpg").touch()
    choose(browser, tmp_path / "empty.jpg")
    wait(browser, "#result", "Empty file (0 bytes).")
    choose(browser, pictures["nobody.gif"])
    wait(browser, "#result", "No face found")
    log = browser.get_log("browser")
    assert not [entry for entry in log if entry["level"] == "SEVERE"], log


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(
    browser: webdriver.Chrome, pages: str, pictures: dict[str, Path], scheme: str, axe: str
) -> None:
    def violations() -> list[str]:
        run(browser, f"{axe}; self.axe = axe;")
        found = run(browser, "return (await self.axe.run()).violations;")
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]

    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.get(pages)
    assert violations() == []
    open_page(browser, pages)
    browser.find_element(By.TAG_NAME, "summary").click()
    choose(browser, pictures["group.jpg"])
    wait(browser, "#result", "5 faces")
    assert violations() == []
    choose(browser, Path(__file__))
    wait(browser, "#result", "No prediction")
    assert violations() == []


@pytest.mark.browser
def test_the_webcam_starts_and_stops_by_the_button(browser: webdriver.Chrome, pages: str) -> None:
    open_page(browser, pages)
    button = browser.find_element(By.ID, "camera")
    button.click()
    wait(browser, "#camera", "Stop the webcam")
    wait(browser, "#result", "No face found")  # Chromium's fake camera shows a clock
    picture = browser.find_element(By.ID, "picture")
    assert picture.is_displayed()
    button.click()
    wait(browser, "#camera", "Use the webcam")
    time.sleep(0.5)
    drawn = "return document.getElementById('picture').toDataURL()"
    still = browser.execute_script(drawn)
    time.sleep(1)
    assert browser.execute_script(drawn) == still


@pytest.mark.browser
def test_names_of_labels_do_nothing(
    browser: webdriver.Chrome,
    exported_of: Callable[[str], Path],
    write_page: Callable,
    pictures: dict[str, Path],
    tmp_path: Path,
) -> None:
    folder = write_page(exported_of("color"), tmp_path / "web")
    facts = json.loads((folder / "facts.json").read_text())
    hostile = "<img src=x onerror=document.title=1>"
    facts["labels"][0]["name"] = hostile
    facts["question"] = f"What of {hostile}?"
    (folder / "facts.json").write_text(json.dumps(facts))
    with serving(folder) as url:
        open_page(browser, url)
        choose(browser, pictures["portrait.jpg"])
        text = wait(browser, "#result", "One face")
        assert hostile in text and "<b>blue</b>" in text
        assert hostile in browser.find_element(By.ID, "question").text
        assert not browser.find_elements(By.CSS_SELECTOR, "main img, bdi b")
        assert browser.title == "Face classifier"


@pytest.mark.browser
def test_the_policy_forbids_other_hosts_on_the_page_and_in_its_worker(
    browser: webdriver.Chrome, pages: str, tmp_path: Path
) -> None:
    (tmp_path / "stolen").write_text("x")
    with serving(tmp_path) as other:
        browser.get(pages)
        fetched = "fetch(args[0]).then(() => 'sent', () => 'refused')"
        assert run(browser, f"return await {fetched};", f"{other}stolen") == "refused"
        worker = """
        const code = `fetch("${args[0]}").then(() => postMessage("sent"),
          () => postMessage("refused"))`;
        const blob = URL.createObjectURL(new Blob([code], {type: "text/javascript"}));
        return await new Promise((resolve) => {
          new Worker(blob, {type: "module"}).onmessage = ({data}) => resolve(data);
        });"""
        assert run(browser, worker, f"{other}stolen") == "refused"


@pytest.mark.browser
def test_resampling_gives_pillows_pixels(browser: webdriver.Chrome) -> None:
    """Needs no onnxruntime-web, and so no registry."""
    random = np.random.default_rng(0)
    with serving(PAGE) as url:
        browser.get(url)
        for _ in range(12):
            height, width = random.integers(20, 300, 2)
            pixels = random.integers(0, 256, (height, width, 3), np.uint8)
            image = Image.fromarray(pixels)
            turn = np.exp(1j * random.normal()) * random.uniform(0.05, 3)
            points = (TEMPLATE @ (1, 1j) - 88 - 130j) * turn + (width + height * 1j) / 2
            landmarks = np.stack([points.real, points.imag], 1).astype(np.float32)
            side, size = int(random.integers(10, 400)), int(random.integers(8, 224))
            framing = ("face", "crop", "stretch")[random.integers(3)]
            script = """
            const [text, width, height, side, size, framing, landmarks] = args;
            const data = Uint8ClampedArray.from(atob(text), (letter) => letter.charCodeAt(0));
            const {shrunk} = await import("./retinaface.js");
            const {align} = await import("./alignment.js");
            const {toSquare} = await import("./finder.js");
            const image = {width, height, data};
            const results = [shrunk(image, side), align(image, landmarks)];
            results.push(toSquare(results[1] ?? image, {size, framing}));
            return results.map((one) => one && [one.width, one.height,
              btoa(Array.from(one.data, (value) => String.fromCharCode(value)).join(""))]);"""
            shape = (int(width), int(height))
            numbers = (*shape, side, size, framing, landmarks.astype(float).tolist())
            given = run(browser, script, encoded(pixels), *numbers)
            face = align(image, landmarks)
            wanted = [shrunk(image, side), face, to_square(face or image, size, framing)]
            for here, there in zip(given, wanted, strict=True):
                assert (here is None) == (there is None)
                if here is not None:
                    there = np.asarray(there)
                    assert (here[1], here[0]) == there.shape[:2]
                    np.testing.assert_array_equal(decoded(here[2], there.shape), there)


def open_page(browser: webdriver.Chrome, url: str) -> None:
    browser.get_log("browser")
    browser.get(url)
    WebDriverWait(browser, 60).until(
        lambda page: page.find_element(By.ID, "file").is_enabled(), "the models are not loaded"
    )


def choose(browser: webdriver.Chrome, path: Path) -> None:
    browser.execute_script("document.getElementById('result').replaceChildren()")
    browser.find_element(By.ID, "file").send_keys(str(path))
