/** Who plays in the demo scenes. */
export interface Actor {
  /** File name in the emoji package without `.webp`: the code points. */
  readonly code: string;
  readonly name: string;
  /** Largest tilt to either side, in degrees. */
  readonly tiltDegrees: number;
  /** A mirrored picture is still right. */
  readonly mirrors: boolean;
}

export interface OddActor extends Actor {
  /**
   * Range of sizes: side of the square emoji, in pixels of a 640 × 480 scene. These are the sizes at which the starter
   * detector (NanoDet-m at 416 × 416, confidence 0.3) finds it nearly always; `libs/demo-scenes/bench/screen.mjs` measures that.
   */
  readonly sizePx: readonly [number, number];
}

const VEHICLE = { tiltDegrees: 4, mirrors: true } as const;

/** What drives on the road: the detector finds all of them, as `truck` or `car`. */
export const VEHICLES: readonly Actor[] = [
  { ...VEHICLE, code: '1f697', name: 'red car' },
  { ...VEHICLE, code: '1f695', name: 'taxi' },
  { ...VEHICLE, code: '1f693', name: 'police car' },
  { ...VEHICLE, code: '1f69a', name: 'delivery truck' },
  { ...VEHICLE, code: '1f69b', name: 'lorry' },
  { ...VEHICLE, code: '1f690', name: 'minibus' },
  { ...VEHICLE, code: '1f692', name: 'fire engine' },
  { ...VEHICLE, code: '1f691', name: 'ambulance' },
  { ...VEHICLE, code: '1f6fb', name: 'pickup' },
];

/** What does not belong on a road; what the detector calls it stands behind. */
export const ODD_ONES: readonly OddActor[] = [
  { code: '1f9f8', name: 'teddy bear', sizePx: [158, 196], tiltDegrees: 10, mirrors: true }, // teddy bear
  { code: '2602-fe0f', name: 'umbrella', sizePx: [96, 160], tiltDegrees: 10, mirrors: true }, // umbrella
  { code: '1f6b6', name: 'pedestrian', sizePx: [110, 185], tiltDegrees: 4, mirrors: true }, // person
  { code: '2708-fe0f', name: 'airplane', sizePx: [114, 200], tiltDegrees: 8, mirrors: true }, // airplane
  { code: '1f4bb', name: 'laptop', sizePx: [198, 214], tiltDegrees: 5, mirrors: false }, // laptop
  { code: '1f3c4', name: 'surfer', sizePx: [110, 185], tiltDegrees: 6, mirrors: true }, // person
  { code: '1f40e', name: 'horse', sizePx: [174, 212], tiltDegrees: 4, mirrors: true }, // person
  { code: '1f415', name: 'dog', sizePx: [196, 212], tiltDegrees: 4, mirrors: true }, // person
  { code: '1f429', name: 'poodle', sizePx: [180, 212], tiltDegrees: 4, mirrors: true }, // person
  { code: '1f34a', name: 'orange', sizePx: [199, 211], tiltDegrees: 6, mirrors: true }, // orange
  { code: '1f570-fe0f', name: 'mantel clock', sizePx: [172, 188], tiltDegrees: 5, mirrors: false }, // clock
];
