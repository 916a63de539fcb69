/**
 * Two workers, each with a Python of its own. One answers while the other explores; to stop a search
 * its worker is ended, which is possible at any moment and needs no help from the server.
 */
import type { Answer, FromWorker, Question } from "./messages";

interface Job {
  question: Question;
  resolve: (answer: Answer) => void;
  reject: (reason: Error) => void;
  progress?: (text: string) => void;
  long: boolean;
}

interface Slot {
  worker: Worker;
  ready: boolean;
  job: Job | null;
}

export class Stopped extends Error {}

export class Engine {
  private slots: Slot[] = [];
  private waiting: Job[] = [];
  private spareWanted = false;

  constructor(private readonly stage: (text: string, failed: boolean) => void) {
    this.start();
  }

  /** Asks for an answer. A long one can be stopped, and leaves the other worker to the rest. */
  ask(question: Question, long = false, progress?: (text: string) => void): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ question, resolve, reject, progress, long });
      this.serve();
    });
  }

  /** Ends everything that takes long; what is asked next is answered by the other worker. */
  stop(): void {
    this.waiting = this.waiting.filter((job) => {
      if (job.long) job.reject(new Stopped());
      return !job.long;
    });
    for (const slot of [...this.slots]) {
      if (!slot.job?.long) continue;
      slot.worker.terminate();
      this.slots = this.slots.filter((each) => each !== slot);
      slot.job.reject(new Stopped());
      this.start();
    }
    this.serve();
  }

  private start(): void {
    const worker = new Worker(new URL("worker.js", document.baseURI), { type: "module" });
    const slot: Slot = { worker, ready: false, job: null };
    worker.addEventListener("message", (event: MessageEvent<FromWorker>) => this.heard(slot, event.data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.lost(slot, event.message || "the worker could not be loaded");
    });
    this.slots.push(slot);
  }

  private heard(slot: Slot, message: FromWorker): void {
    switch (message.kind) {
      case "stage":
        if (!this.slots.some((each) => each.ready)) this.stage(message.text, false);
        return;
      case "failed":
        this.lost(slot, message.text);
        return;
      case "ready":
        slot.ready = true;
        this.stage("", false);
        this.serve();
        this.spare();
        return;
      case "progress":
        slot.job?.progress?.(message.text);
        return;
      case "answer": {
        const job = slot.job;
        slot.job = null;
        job?.resolve(message.answer);
        this.serve();
      }
    }
  }

  /** A worker that is gone, for instance because the browser gave it no more memory. */
  private lost(slot: Slot, reason: string): void {
    slot.worker.terminate();
    this.slots = this.slots.filter((each) => each !== slot);
    const wasReady = slot.ready;
    slot.job?.reject(new Error(`Python ended: ${reason}`));
    if (wasReady) this.start();
    else if (this.slots.length === 0) this.stage(`Python can't be loaded: ${reason}`, true);
  }

  /** The second worker is loaded when the first has nothing to do, so that the first is not late. */
  private spare(): void {
    if (this.spareWanted || this.slots.length > 1) return;
    this.spareWanted = true;
    setTimeout(() => { if (this.slots.length < 2) this.start(); }, 1500);
  }

  private serve(): void {
    for (const job of [...this.waiting]) {
      const free = this.slots.filter((slot) => slot.ready && !slot.job);
      // Long work goes to the worker that was loaded last, so that short work keeps the first.
      const slot = job.long ? free[free.length - 1] : free[0];
      if (!slot) return;
      this.waiting = this.waiting.filter((each) => each !== job);
      slot.job = job;
      slot.worker.postMessage(JSON.stringify(job.question));
    }
  }
}
