/** Masks by prototypes (YOLACT; Ultralytics' segmentation heads): coefficients behind the classes of every anchor. */
export interface MaskSpec {
  readonly coefficients: number;
  /** `[N, coefficients, height, width]` */
  readonly prototypesOutput: string;
}

/** The order of a box's four numbers; `yxyx` is TensorFlow's. */
export type BoxFormat = 'xyxy' | 'yxyx' | 'cxcywh';

/** Pixels of the model's input, or 0…1 of it. */
export type BoxUnits = 'pixels' | 'unit';

/** Columns of a table; absent = box 0, score 4, class 5, no image. */
export interface TableColumns {
  /** The first of the four of the box. */
  readonly box?: number;
  readonly score?: number;
  readonly class?: number;
  /** Which image of the batch a row belongs to (YOLOv7's export). */
  readonly image?: number;
}

/** How a detector's raw outputs become boxes. */
export type HeadSpec =
  /**
   * `[N, 4+classes, anchors]`, cx cy w h in input pixels, class scores already sigmoid (YOLOv8, 9, 10, 11, 26).
   * `output` here and below: absent = the model's first, or its only one of three dimensions.
   */
  | { readonly kind: 'yolov8'; readonly classes: number; readonly output?: string; readonly masks?: MaskSpec }
  /** `[N, anchors, 5+classes]`, cx cy w h in input pixels, objectness × class score (YOLOv5, YOLOv7). */
  | { readonly kind: 'yolov5'; readonly classes: number; readonly output?: string; readonly masks?: MaskSpec }
  /** `[N, anchors, 5+classes]`, undecoded grid offsets and log sizes (YOLOX). */
  | {
      readonly kind: 'yolox';
      readonly classes: number;
      readonly strides: readonly number[];
      readonly output?: string;
    }
  /**
   * Per stride: scores `[N, cells, classes]` (sigmoid) and distances `[N, cells, 4×(regMax+1)]`, names in stride order.
   * One and the same name in both lists: all strides in one output, scores before distances (NanoDet-Plus).
   */
  | {
      readonly kind: 'nanodet';
      readonly classes: number;
      readonly strides: readonly number[];
      readonly regMax: number;
      readonly scoreOutputs: readonly string[];
      readonly distanceOutputs: readonly string[];
    }
  /** `[N, queries, classes]` logits and `[N, queries, 4]` boxes (cx cy w h, 0…1); sigmoid, no NMS (RT-DETR, D-FINE). */
  | {
      readonly kind: 'detr';
      readonly classes: number;
      readonly logitsOutput: string;
      readonly boxesOutput: string;
    }
  /** Boxes and class scores, in two outputs or side by side in one named twice (`[N, anchors, 4+classes]`). */
  | {
      readonly kind: 'boxes';
      readonly classes: number;
      readonly boxesOutput: string;
      readonly scoresOutput: string;
      readonly boxFormat: BoxFormat;
      readonly boxUnits: BoxUnits;
      /** From a class's number to its score. */
      readonly activation: 'none' | 'sigmoid' | 'softmax';
      /** Column of class 0, default 0; columns before it and after the last class are background. */
      readonly firstClass?: number;
      /** Scores are `[N, classes, anchors]`. */
      readonly scoresByClass?: boolean;
      /** Whether boxes overlap and need non-maximum suppression. */
      readonly suppress: boolean;
    }
  /** A finished table, one row an object; nothing is suppressed. */
  | {
      readonly kind: 'table';
      readonly classes: number;
      readonly boxesOutput: string;
      /** Absent: columns of `boxesOutput`. */
      readonly scoresOutput?: string;
      readonly classesOutput?: string;
      /** Rows by image; absent = all rows count. */
      readonly countOutput?: string;
      readonly columns?: TableColumns;
      readonly boxFormat: BoxFormat;
      readonly boxUnits: BoxUnits;
      /** What the table calls class 0, default 0; lower numbers are background. */
      readonly firstClass?: number;
      readonly masks?: MaskSpec;
    };

/** The masks that a head has, or null. */
export function masksOf(head: HeadSpec): MaskSpec | null {
  return ('masks' in head ? head.masks : undefined) ?? null;
}

/** Whether `iou` has an effect: a finished table and a set prediction are not suppressed again. */
export function suppresses(head: HeadSpec): boolean {
  return head.kind === 'boxes' ? head.suppress : head.kind !== 'table' && head.kind !== 'detr';
}
