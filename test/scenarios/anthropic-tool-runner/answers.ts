import { type Answer, claude, claudeAsks } from '../say.ts'

export const answers: Answer[] = [
  claudeAsks(
    [
      ['toolu_1', 'get_weather', { city: 'Oslo' }],
      ['toolu_2', 'find_train', { to: 'Oslo' }],
    ],
    [40, 21],
  ),
  claudeAsks([['toolu_3', 'book_table', { place: 'outside' }]], [72, 12]),
  claude('The table is booked.', 'Table 12 is yours.', { fresh: 95, read: 0, written: 0, output: 14 }),
]
