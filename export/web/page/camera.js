// The webcam: started and stopped by a button, and stopped when the page is left.

const WANTED = { video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } } };

/** Gives frames of the webcam while it runs. */
export class Camera {
  #stream = null;
  #video = document.createElement("video");

  get isOn() {
    return this.#stream !== null;
  }

  /** Start the webcam; an error has one line for the user as its message. */
  async start() {
    if (!navigator.mediaDevices) throw new Error("The webcam needs https, or localhost.");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia(WANTED);
    } catch (error) {
      throw new Error(reason(error));
    }
    this.#stream = stream;
    this.#video.muted = true;
    this.#video.playsInline = true;
    this.#video.srcObject = stream;
    await this.#video.play();
  }

  /** Stop the webcam; its light goes out. */
  stop() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /** The frame of now, as an ImageBitmap. */
  frame() {
    return createImageBitmap(this.#video);
  }
}

function reason({ name }) {
  if (name === "NotAllowedError") return "The browser was not allowed to use the webcam.";
  if (name === "NotFoundError") return "There is no webcam.";
  if (name === "NotReadableError") return "The webcam is used by another program.";
  return "The webcam could not be started.";
}
