// How a family of metrics is declared: a gauge that is read at each scrape, a total that is read, a counter and a histogram
// that follow events. Names and units follow Prometheus' conventions; every family states its help.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export interface Kit {
  gauge<L extends string>(name: string, help: string, labels: readonly L[], read: (to: Gauge<L>) => void): void;
  /** A counter whose value is kept elsewhere. */
  total<L extends string>(
    name: string,
    help: string,
    labels: readonly L[],
    read: (add: (labels: Record<L, string>, value: number) => void) => void,
  ): void;
  counter<L extends string>(name: string, help: string, labels: readonly L[]): Counter<L>;
  seconds(name: string, help: string): Histogram;
}

/** From a tenth of a second to an hour: what detection and repair take. */
const buckets = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 3600];

export function kit(registry: Registry): Kit {
  const registers = [registry];
  return {
    gauge(name, help, labels, read) {
      const gauge = new Gauge({
        name,
        help,
        labelNames: [...labels],
        registers: [],
        collect() {
          this.reset();
          read(this);
        },
      });
      registry.registerMetric(gauge);
    },
    total(name, help, labels, read) {
      const counter = new Counter({
        name,
        help,
        labelNames: [...labels],
        registers: [],
        collect() {
          this.reset();
          read((of, value) => this.inc(of, Number.isFinite(value) ? Math.max(0, value) : 0));
        },
      });
      registry.registerMetric(counter);
    },
    counter: (name, help, labels) => new Counter({ name, help, labelNames: [...labels], registers }),
    seconds: (name, help) => new Histogram({ name, help, registers, buckets }),
  };
}

/** Lets so many distinct values through; what comes later is "other". */
export function limitedLabels(max: number): (value: string) => string {
  const known = new Set<string>();
  return (value) => {
    if (known.has(value)) return value;
    if (known.size >= max) return "other";
    known.add(value);
    return value;
  };
}
