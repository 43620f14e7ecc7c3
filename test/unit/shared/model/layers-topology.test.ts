import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tensorsOfTopology } from '#shared/model/layers-topology.ts';

tf.env().set('PROD', true);

type Build = (model: tf.Sequential) => void;

/** Models whose layout tfjs itself is asked for. */
const MODELS: readonly (readonly [string, Build])[] = [
  [
    'dense layers with dropout',
    (model) => {
      model.add(tf.layers.dense({ inputShape: [30], units: 16, activation: 'relu' }));
      model.add(tf.layers.dropout({ rate: 0.5 }));
      model.add(tf.layers.dense({ units: 1, useBias: false }));
    },
  ],
  [
    'dense on a matrix',
    (model) => {
      model.add(tf.layers.dense({ inputShape: [4, 5], units: 3 }));
      model.add(tf.layers.flatten());
      model.add(tf.layers.dense({ units: 2 }));
    },
  ],
  [
    'convolutions, pooling and normalisation, whose moments come last',
    (model) => {
      model.add(
        tf.layers.conv2d({ inputShape: [28, 29, 2], filters: 8, kernelSize: [3, 5], strides: 2, padding: 'same' }),
      );
      model.add(tf.layers.batchNormalization());
      model.add(tf.layers.activation({ activation: 'relu' }));
      model.add(tf.layers.conv2d({ filters: 4, kernelSize: 2, dilationRate: 2, useBias: false }));
      model.add(tf.layers.maxPooling2d({ poolSize: [2, 3], strides: [1, 2], padding: 'same' }));
      model.add(tf.layers.batchNormalization({ center: false }));
      model.add(tf.layers.flatten());
      model.add(tf.layers.dense({ units: 10, activation: 'softmax' }));
    },
  ],
  [
    'a frozen layer, whose weights move to the end',
    (model) => {
      model.add(tf.layers.dense({ inputShape: [3], units: 4, trainable: false }));
      model.add(tf.layers.dense({ units: 2 }));
    },
  ],
  [
    'a reshape into an image',
    (model) => {
      model.add(tf.layers.reshape({ inputShape: [36], targetShape: [6, 6, 1] }));
      model.add(tf.layers.maxPooling2d({ poolSize: 2 }));
      model.add(tf.layers.conv2d({ filters: 2, kernelSize: 3, padding: 'valid' }));
      model.add(tf.layers.flatten());
      model.add(tf.layers.dense({ units: 1 }));
    },
  ],
];

function sequential(...layers: readonly object[]): object {
  return { class_name: 'Sequential', config: { name: 'm', layers } };
}

const input = { name: 'first', batch_input_shape: [null, 4] };

describe('layers topology', () => {
  for (const [what, build] of MODELS) {
    it(`gives the tensors of tfjs for ${what}`, () => {
      const model = tf.sequential();
      build(model);
      const topology: unknown = JSON.parse(JSON.stringify(model.toJSON(null, false)));
      const wanted = model.weights.map(({ originalName, shape }) => ({ name: originalName, shape }));
      expect(model.getWeights().map(({ shape }) => shape)).to.deep.equal(wanted.map(({ shape }) => shape));
      expect(tensorsOfTopology(topology)).to.deep.equal({ kind: 'tensors', tensors: wanted });
    });
  }

  const refused: readonly (readonly [string, unknown, RegExp])[] = [
    ['nothing', undefined, /^topology: expected class_name and config/],
    ['another kind of model', { class_name: 'Model', config: {} }, /found "Model", expected Sequential/],
    ['no layers', sequential(), /1 to 1024 layers/],
    [
      'a layer that is not supported',
      sequential({ class_name: 'LSTM', config: input }),
      /layer 1 \(LSTM\) is not supported; expected one of Dense/,
    ],
    ['a class name of the prototype', sequential({ class_name: 'constructor', config: input }), /is not supported/],
    [
      'a first layer without input shape',
      sequential({ class_name: 'Dense', config: { name: 'd', units: 1 } }),
      /batch_input_shape: found nothing/,
    ],
    [
      'an input of unknown size',
      sequential({ class_name: 'Dense', config: { ...input, batch_input_shape: [null, null] } }),
      /known sizes/,
    ],
    [
      'units of 0',
      sequential({ class_name: 'Dense', config: { ...input, units: 0 } }),
      /layer 1 \(Dense\): units: found 0/,
    ],
    [
      'a layer without a name',
      sequential({ class_name: 'Dense', config: { ...input, name: undefined, units: 1 } }),
      /name: found nothing/,
    ],
    [
      'two layers of one name',
      sequential(
        { class_name: 'Dense', config: { ...input, units: 1 } },
        { class_name: 'Dense', config: { ...input, units: 1 } },
      ),
      /the name first appears twice/,
    ],
    [
      'a reshape of another size',
      sequential({ class_name: 'Reshape', config: { ...input, target_shape: [3] } }),
      /does not hold the 4 values/,
    ],
    [
      'a reshape with an open size',
      sequential({ class_name: 'Reshape', config: { ...input, target_shape: [-1] } }),
      /all of them written out/,
    ],
    [
      'a convolution of something flat',
      sequential({ class_name: 'Conv2D', config: { ...input, filters: 1, kernel_size: [1, 1] } }),
      /height, width and channels/,
    ],
    [
      'a window that does not fit',
      sequential({
        class_name: 'MaxPooling2D',
        config: { name: 'p', batch_input_shape: [null, 2, 2, 1], pool_size: [3, 3] },
      }),
      /a window of 3 does not fit an input of 2/,
    ],
  ];
  for (const [what, topology, message] of refused) {
    it(`refuses ${what}`, () => {
      const reading = tensorsOfTopology(topology);
      expect(reading.kind === 'problem' ? reading.message : 'accepted').to.match(message);
    });
  }
});
