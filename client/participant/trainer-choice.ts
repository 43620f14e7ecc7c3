import type { Dataset } from '#client/data/dataset.ts';
import { createLayersTrainer } from '#client/trainer/layers-trainer.ts';
import { layersTrainingOf } from '#client/trainer/layers-training.ts';
import { createMomentsTrainer } from '#client/trainer/moments-trainer.ts';
import { loadTensorBackend } from '#client/trainer/tensor-backend.ts';
import type { Trainer } from '#client/trainer/trainer.ts';
import { Fault } from '#shared/fault/fault.ts';
import type { Study } from '#shared/study/study.ts';

/** The trainers that come with Cloister. */
export const TRAINERS = ['layers', 'moments'] as const;
/** A name of {@link TRAINERS}. */
export type TrainerName = (typeof TRAINERS)[number];

/** A trainer, and in words what it computes with. */
export interface ChosenTrainer {
  readonly trainer: Trainer;
  readonly description: string;
}

/**
 * The trainer `name` for this study and these examples.
 * @throws Fault - CONFIG_INVALID when the study has no model for it; DATA_INVALID, TRAINER_FAILED, BACKEND_MISSING
 */
export async function chooseTrainer(name: TrainerName, study: Study, dataset: Dataset): Promise<ChosenTrainer> {
  if (name === 'moments') return { trainer: createMomentsTrainer(dataset), description: 'moments of each feature' };
  const { model, training, aggregation } = study.manifest;
  if (model.kind !== 'layers') {
    const message = `the trainer layers needs a tfjs layers model; the manifest has model.kind ${model.kind}`;
    throw new Fault('CONFIG_INVALID', `${message}; use --trainer moments, or the SDK with a trainer of your own`);
  }
  const backend = await loadTensorBackend();
  const trainer = await createLayersTrainer({
    backend,
    topology: model.topology,
    layout: study.layout.tensors,
    training: layersTrainingOf(training),
    metrics: aggregation.metrics,
    dataset,
  });
  return { trainer, description: backend.description };
}
