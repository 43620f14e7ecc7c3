/** A mean of each metric over the updates that were counted, by the same weights as the update itself. */
export class MetricMeans {
  readonly #sums = new Map<string, { weighted: number; weight: number }>();

  /** Adds one participant's metrics with its contribution weight. */
  add(metrics: Readonly<Record<string, number>>, weight: number): void {
    for (const [name, value] of Object.entries(metrics)) {
      const sum = this.#sums.get(name) ?? { weighted: 0, weight: 0 };
      this.#sums.set(name, { weighted: sum.weighted + weight * value, weight: sum.weight + weight });
    }
  }

  /** Mean of each metric that anybody reported, in the order of the names. */
  means(): Readonly<Record<string, number>> {
    const names = [...this.#sums.keys()].toSorted();
    return Object.fromEntries(
      names.map((name) => {
        const { weighted, weight } = this.#sums.get(name) ?? { weighted: 0, weight: 1 };
        return [name, weighted / weight];
      }),
    );
  }
}
