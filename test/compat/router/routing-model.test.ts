import { describe, expect, it } from "vitest";
import {
  type Asked,
  createRoutingModel,
  type Situation,
} from "../../../src/gateway/compat/router/routing-model.ts";

const plain: Asked = { priority: 5, latency: 5, costSensitivity: 5, requiresGpu: false };
const calm: Situation = {
  loads: { EDGE: 0, CLOUD: 0, GPU: 0 },
  networkLatencyMs: 1,
  costs: { EDGE: 0.01, CLOUD: 0.025, GPU: 0.05 },
};

describe("the model of the router", () => {
  it("keeps what needs a GPU off it only when it is too busy and the task can wait", () => {
    const model = createRoutingModel();
    const busy = { ...calm, loads: { EDGE: 0, CLOUD: 0, GPU: 95 } };
    expect(model.choose({ ...plain, requiresGpu: true, priority: 3 }, busy).node).not.toBe("GPU");
    expect(model.choose({ ...plain, requiresGpu: true, priority: 4 }, busy).node).toBe("GPU");
    const nearly = { ...calm, loads: { ...busy.loads, GPU: 90 } };
    const choice = model.choose({ ...plain, requiresGpu: true, priority: 1 }, nearly);
    expect(choice.node).toBe("GPU");
    expect(choice.confidence).toBeGreaterThan(0.9);
  });

  it("goes elsewhere than where it is full", () => {
    const model = createRoutingModel();
    const first = model.choose(plain, calm).node;
    const full = { ...calm, loads: { ...calm.loads, [first]: 80 } };
    expect(model.choose(plain, full).node).not.toBe(first);
  });

  it("learns how long nodes take, and avoids a slow one", () => {
    const model = createRoutingModel();
    const { node, features } = model.choose(plain, calm);
    const before = model.expect(node, features);
    for (let count = 0; count < 100; count += 1)
      model.learn({ node, features, seconds: 20, succeeded: true });
    expect(model.expect(node, features)).toBeGreaterThan(50 * before);
    expect(model.expect(node, features) / 20).toBeCloseTo(1, 0);
    expect(model.choose(plain, calm).node).not.toBe(node);
  });

  it("learns which node fails", () => {
    const model = createRoutingModel();
    const { node, features } = model.choose(plain, calm);
    for (let count = 0; count < 40; count += 1)
      model.learn({ node, features, seconds: 0.01, succeeded: false });
    expect(model.choose(plain, calm).node).not.toBe(node);
  });

  it("never forgets the rules, whatever it learns", () => {
    const model = createRoutingModel();
    const { features } = model.choose(plain, calm);
    for (let count = 0; count < 500; count += 1)
      model.learn({ node: "GPU", features, seconds: 900, succeeded: count % 2 === 0 });
    expect(model.choose({ ...plain, requiresGpu: true }, calm).node).toBe("GPU");
  });

  it("is equally sure whichever way it learned the same", () => {
    const [one, other] = [createRoutingModel(), createRoutingModel()];
    const { features } = one.choose(plain, calm);
    for (const model of [one, other])
      for (let count = 0; count < 10; count += 1)
        model.learn({ node: "CLOUD", features, seconds: 0.5, succeeded: true });
    expect(one.choose(plain, calm)).toEqual(other.choose(plain, calm));
    const { confidence } = one.choose(plain, calm);
    expect(confidence > 0 && confidence <= 1).toBe(true);
  });
});
